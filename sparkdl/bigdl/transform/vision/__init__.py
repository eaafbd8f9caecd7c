"""BigDL's transforms of images."""
