"""BigDL's example models."""
