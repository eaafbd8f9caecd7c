"""Layers that Keras lacks, each registered with Keras. They take and give channels-last tensors."""
