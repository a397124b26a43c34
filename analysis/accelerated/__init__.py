"""A campaign of days in virtual time: what is simulated under it, what happens to it, and what came of that."""
