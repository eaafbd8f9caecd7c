"""BigDL's `optim`."""
