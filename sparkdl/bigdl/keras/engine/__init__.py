"""The engine of BigDL's Keras-style API: models, inputs and merging."""
