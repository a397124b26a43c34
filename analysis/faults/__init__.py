"""Faults that are put into real campaigns and into their directories, and what is said of the outcome."""
