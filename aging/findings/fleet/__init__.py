"""Which of many services age: from a Prometheus server's series to findings of each process, container and GPU."""
