"""Modules in the manner of Torch: trees of layers that hold their weights, with dimensions counted from 1.

`module` holds the tree as data, `kinds` says what a kind of module is made of, `kernels` compute it, `eager` runs a
tree on arrays as Torch does (forward, backward), and `network` makes an ordinary Keras model of it.
"""
