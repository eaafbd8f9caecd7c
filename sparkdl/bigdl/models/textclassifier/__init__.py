"""BigDL's example models: textclassifier."""
