"""The load: one seeded schedule, driven identically at every deployment by an httpx client in its own process."""
