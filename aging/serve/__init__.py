"""The live page of a campaign and its metrics, over HTTP: read only, beside a runner or after it."""
