"""Directories of whole files: paths with and without a scheme, the local file system, and those that pyarrow knows."""
