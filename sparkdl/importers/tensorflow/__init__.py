"""TensorFlow: read files (`read`), choose inputs, outputs and weights, and hand the graph to `nn.graph` (`load`)."""
