"""Size, power, coverage: what the statistics do on series whose truth is known, and on four real servers."""
