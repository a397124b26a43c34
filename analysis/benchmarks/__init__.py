"""What measuring costs: CPU, memory, lateness, bytes; ``python -m analysis.benchmarks`` prints the table."""
