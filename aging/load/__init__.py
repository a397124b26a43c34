"""The load: one seeded schedule, driven identically at every deployment by a client in a separate process."""
