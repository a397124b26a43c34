"""One request: its prompt, its body, its options, its client faults, and how it is sent."""
