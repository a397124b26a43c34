"""Versions, settings, hosts and campaigns side by side: differences with intervals under one control of errors."""
