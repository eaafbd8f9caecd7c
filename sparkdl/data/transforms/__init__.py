"""Transforms of images: one array in, one array out, with all chance from a generator that the caller gives."""
