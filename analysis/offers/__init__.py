"""What runtimes offer to rejuvenate them, tried on real processes: how they stop, and what a trim returns."""
