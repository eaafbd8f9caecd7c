"""BigDL's example models: ml_pipeline."""
