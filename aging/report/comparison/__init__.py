"""Views of a comparison: sentences, tables, the terminal, figures, a page."""
