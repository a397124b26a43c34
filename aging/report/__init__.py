"""The report: one self-contained HTML file, verdicts first; and what the terminal shows of a campaign.

``html`` composes the sections (``sections/``, one a file) and draws the plots; ``format`` and ``wording`` put numbers
and verdicts as people read them. Nothing is imported here: the live view shares this room, and does without pandas.
"""
