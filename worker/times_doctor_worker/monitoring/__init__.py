"""What operations see of a worker: whether it works, and the metrics of its team."""
