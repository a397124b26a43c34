"""The report: one self-contained HTML file, verdicts first.

``page`` composes the sections (``sections/``, one a file); ``traces`` reduces a
run to what a plot can show, ``plots`` and ``svg`` draw it; ``quantities`` and
``words`` put numbers and verdicts as people read them.
"""

from aging.report.html.page import write_report

__all__ = ["write_report"]
