"""The built-in control: an OpenAI-compatible server with configured aging.

Started as ``python -m aging.deployments.reference_server --port N``. It imports the standard
library and h11 only, so that its process holds only the configured amounts.
"""
