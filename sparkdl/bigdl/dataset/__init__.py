"""BigDL's data sets, read from local files."""
