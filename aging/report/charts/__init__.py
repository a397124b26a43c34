"""Charts: what is drawn, as values; each drawn by matplotlib, encoded for the page and written as CSV."""
