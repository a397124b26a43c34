"""Values, clocks and processes: what every other room builds on."""
