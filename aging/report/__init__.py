"""The report: one self-contained HTML file, verdicts first.

``html/page`` composes the sections (``sections/``, one per file); ``html/plot_data`` reduces a run to
what a plot can show, ``html/plots`` and ``html/svg`` draw it; ``wording`` puts verdicts into sentences.
"""

from aging.report.html.page import write_report

__all__ = ["write_report"]
