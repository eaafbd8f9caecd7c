"""Layers, criterions and initialization methods of BigDL."""
