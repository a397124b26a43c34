"""Studies of rejuvenation: whether a request is lost, and whether policies act when they must and only then."""
