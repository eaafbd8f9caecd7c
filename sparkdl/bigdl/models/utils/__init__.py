"""BigDL's example models: utils."""
