"""Real libraries and servers: a release that leaks and the one that repaired it, for ``aging check`` to separate."""
