"""Whether a function that is called again and again keeps memory: what ``@pytest.mark.leak`` asks."""
