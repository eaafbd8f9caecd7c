"""BigDL's transforms."""
