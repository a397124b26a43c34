"""The formats of a gate's reports, one per file."""
