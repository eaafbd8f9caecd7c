"""Stages of Spark ML pipelines that train and apply Keras models."""
