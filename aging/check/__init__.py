"""The CI gate: conditions on findings, and looks at a running campaign."""
