"""Samplers and the loop that reads them, each in a separate thread."""
