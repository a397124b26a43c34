"""Studies of the methods for a study on many hosts."""
