"""BigDL 0.x's stages of Spark ML pipelines."""
