"""What a whole study found: variants over hosts, hosts that differ, cells that are missing."""
