"""Samplers and the loop that reads them, each in a thread of its own."""
