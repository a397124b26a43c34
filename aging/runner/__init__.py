"""Runs a campaign and writes its result directory; never imports the analysis."""
