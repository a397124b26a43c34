"""From a result directory to findings: aligned series, verdicts, problems, controls."""
