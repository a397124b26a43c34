"""A study in words: its cells accounted for, for the terminal and for pages, and the page of its findings."""
