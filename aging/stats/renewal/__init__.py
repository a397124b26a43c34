"""When a restart pays: lifetimes, their survival, and the age of restart that costs least (renewal reward theory)."""
