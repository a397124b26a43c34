"""Many series at once: false-discovery control, pooling of replicas, group-sequential levels."""
