"""Layers that ONNX has and Torch has not."""
