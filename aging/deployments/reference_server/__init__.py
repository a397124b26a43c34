"""The built-in control: an OpenAI-compatible server that ages by a known, configured amount.

Started as ``python -m aging.deployments.reference_server --port N``. It imports the standard
library and h11 only, so that what its process holds is what it was told to hold.
"""
