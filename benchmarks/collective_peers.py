"""The same sums by others: PyTorch's gloo, and TensorFlow's ring (CollectiveReduceV2 over gRPC)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from sparkdl.collective.rendezvous import open_listener

Action = Callable[..., None]
Gather = Callable[[str], list[str]]


def _free_ports(gather: Gather) -> list[int]:
    """A port of every process, which nobody uses at this moment."""
    with open_listener("127.0.0.1") as listener:
        told = gather(json.dumps(listener.getsockname()[1]))
    gather("")  # All have closed theirs.
    return [json.loads(port) for port in told]


def gloo(rank: int, size: int, gather: Gather) -> Action:
    """`torch.distributed.all_reduce` in place, on all connections that gloo makes. Needs torch."""
    import torch
    import torch.distributed

    torch.set_num_threads(1)
    port = _free_ports(gather)[0]
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)

    def action(values: np.ndarray, *_: object) -> None:
        torch.distributed.all_reduce(torch.from_numpy(values))

    return action


def tensorflow(rank: int, size: int, gather: Gather) -> Action:
    """The ring of `MultiWorkerMirroredStrategy`: a new tensor with the sum."""
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(gather)]
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}})
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # starts the servers, which live as long as it

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)])
    def reduce(value: tf.Tensor, instance: tf.Tensor) -> Any:
        return tf.raw_ops.CollectiveReduceV2(
            input=value,
            group_size=strategy.num_replicas_in_sync,
            group_key=77,
            instance_key=instance,  # of one length
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
            communication_hint="ring",
        )

    def action(values: np.ndarray, *_: object) -> None:
        np.asarray(reduce(values, len(values)))

    return action


PEERS: dict[str, Callable[[int, int, Gather], Action]] = {"gloo": gloo, "tensorflow": tensorflow}
