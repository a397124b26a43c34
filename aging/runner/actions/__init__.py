"""What is done to rejuvenate a server of a campaign, one action a file; the contract is in ``base``."""
