"""Graphs of TensorFlow's format, replayed node by node inside a Keras layer (`nn/graph_layer.py`).

`program` parses a graph and puts functions in the place of their calls, `check` says what must not be in one,
`structure` finds TensorFlow 1's loops and branches, `replay` runs it all; `variables`, `arrays` and `control` are the
ops that mean something else here than applying an op, and `operation` applies all others.
"""
