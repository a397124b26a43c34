"""The report: one self-contained HTML file, verdicts first; and what the terminal shows of a campaign.

``html`` composes the sections (``sections/``, one per file) and draws the plots; ``wording`` puts verdicts into
sentences. Nothing is imported here: the live view is in this room, and does without pandas.
"""
