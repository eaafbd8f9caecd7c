"""Losses in the manner of Torch: the criterions by family, and the table of all kinds."""

from sparkdl.nn.torch.criterions import class_labels, containers, elements, expressions, pairs

FAMILIES = (class_labels, containers, elements, expressions, pairs)
KINDS = {name: kind for family in FAMILIES for name, kind in family.KINDS.items()}
