"""The schedule of requests: arrival times, classes, lengths and conversations from one seed."""
