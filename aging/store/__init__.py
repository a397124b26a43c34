"""Append-only rows on disk: the live hour as JSON lines, finished hours as Parquet.

``segments`` writes and names (standard library alone: it runs inside the load
client and the sampling loop), ``sealing`` turns finished hours into Parquet,
``reading`` gives them back, ``layout`` says where everything lies, and
``results`` opens a whole result directory.
"""
