"""What a user has measured, as series: files of many formats, and a Prometheus server's answers."""
