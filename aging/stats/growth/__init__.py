"""Growth: whether it is sustained, its shape, its driver, and when a limit is reached."""
