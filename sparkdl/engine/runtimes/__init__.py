"""What computes when a model is applied: TensorFlow, or OpenVINO from a model that was converted on the driver."""
