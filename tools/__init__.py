"""Documentation generators; a test compares what they make with the committed pages."""
