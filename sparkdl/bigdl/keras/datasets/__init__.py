"""Data sets in the form that BigDL's Keras-style models take, read from local files."""
