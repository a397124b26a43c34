"""A series before it is tested: validation, grids, warm-up, block medians."""
