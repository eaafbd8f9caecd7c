"""The layers by family; `sparkdl.bigdl.nn.layer` has them all."""
