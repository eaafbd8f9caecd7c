"""BigDL 2.x's `net`: models from files, cut and frozen."""

from sparkdl.bigdl.net.graph_net import GraphNet
from sparkdl.bigdl.net.net_load import Net

__all__ = ["GraphNet", "Net"]
