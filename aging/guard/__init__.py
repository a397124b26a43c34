"""The guard of a live server: observes for weeks, decides by a policy, acts only as configured, exports its figures."""
