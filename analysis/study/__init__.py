"""Studies over many hosts: what analyses on a cluster cost, and what a large one would."""
