"""BigDL's example models: inception."""
