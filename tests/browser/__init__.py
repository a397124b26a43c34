"""Pages in headless Chromium: what a reader sees, hears and presses. Marked ``browser``."""
