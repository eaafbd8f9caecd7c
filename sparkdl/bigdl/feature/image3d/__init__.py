"""BigDL 2.x's transforms of volumes."""
