"""The tables of a report for papers and tickets: verdicts, indicators, controls, problems; as Markdown and LaTeX."""
