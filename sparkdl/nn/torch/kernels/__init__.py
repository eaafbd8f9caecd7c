"""The kernels by family, and the table of all kinds."""

from sparkdl.nn.torch.kernels import activations, containers, keras_model, linear

FAMILIES = (activations, containers, keras_model, linear)
KINDS = {name: kind for family in FAMILIES for name, kind in family.KINDS.items()}
