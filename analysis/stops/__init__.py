"""How real runtimes end: streams under way, the stop ladder, and what is left of them."""
