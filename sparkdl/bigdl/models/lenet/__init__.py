"""BigDL's example models: lenet."""
