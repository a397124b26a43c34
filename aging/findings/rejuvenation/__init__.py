"""What rejuvenations did, and what is advised: effects, comparison of policies, advice, replay of recorded series."""
