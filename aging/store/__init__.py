"""Append-only rows on disk: the current hour as JSON lines, finished hours as Parquet.

``segments`` writes rows (with the standard library alone: it runs inside the load
client and the sampling loop), ``sealing`` turns finished hours into Parquet,
``reader`` reads them, ``layout`` has the paths, and ``results`` opens a result
directory.
"""
