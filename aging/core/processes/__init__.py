"""Processes: children of the harness, members of a watched tree, and which of them belong to a campaign."""
