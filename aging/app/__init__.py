"""From a campaign file to findings: the only room that knows both the runner and the findings."""
