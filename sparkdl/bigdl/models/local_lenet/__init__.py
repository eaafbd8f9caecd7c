"""BigDL's example models: local_lenet."""
