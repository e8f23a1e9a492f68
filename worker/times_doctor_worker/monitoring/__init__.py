"""What operators see of a worker: its health, and the metrics of its team."""
