"""BigDL 0.x: Keras models converted to BigDL. BigDL 2.x: its own layers in the manner of Keras."""
