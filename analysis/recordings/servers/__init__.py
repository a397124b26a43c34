"""Small servers that do plausible work, each with a leak that can be turned on."""
