"""The HTML report: one self-contained page and its plots."""
