"""Ops that a graph must not have: what they do goes beyond computing tensors from tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Why, and the names; a star stands for anything. The first reason counts.
REFUSED: Mapping[str, tuple[str, ...]] = {
    "runs code": (
        "*PyFunc*", "GeneratorDataset", "RemoteCall", "SymbolicGradient", "CustomCall*", "XlaLaunch*", "XlaCallModule",
        "XlaCustomCall*", "*HostCompute*", "_Xla*", "Mlir*", "TfLite*", "TFLite*", "EncapsulatedFunction*",
        "ComposeTPU*", "BatchFunction", "MapDefun",
    ),
    "reads or writes files": (
        "ReadFile", "WriteFile", "MatchingFiles*", "Save*", "DistributedSave", "Restore", "RestoreSlice", "RestoreV2",
        "ShardedFile*", "MergeV2Checkpoints", "CheckpointExists", "InitializeTableFromTextFile*", "*Summary*Writer*",
        "CreateSummary*", "Write*Summary", "ImportEvent", "LoadDataset*", "DatasetToTFRecord", "Experimental*TFRecord",
        "ImmutableConst", "*MemoryCache*", "CacheDataset*", "Debug*", "PrintV2", "LoadAndRemapMatrix",
        "GenerateVocabRemapping", "FileSystem*", "DecodeProto*", "EncodeProto*", "Snapshot*Dataset*",
        "FixedUnigramCandidateSampler",
    ),
    "talks to other processes": (
        "Send", "Recv", "_Send", "_Recv", "_HostSend", "_HostRecv", "*Rpc*", "Collective*", "Nccl*", "*TPU*", "Tpu*",
        "*Infeed*", "*Outfeed*", "XlaSend*", "XlaRecv*", "XlaSparse*", "*DataService*", "*Coordination*",
        "AllToAll", "CrossReplicaSum", "WorkerHeartbeat", "ConfigureDistributed*", "ShutdownDistributed*",
        "GetMinibatch*", "StoreMinibatch*", "GlobalIterId", "ConvertToCooTensor",
    ),
    "reads data": (
        "*Reader", "*ReaderV2", "Reader*", "*Queue", "*QueueV2", "Queue*", "*Dataset*", "*Iterator*", "Experimental*",
        "Stage", "Unstage", "StagePeek", "StageSize", "StageClear", "MapStage", "MapUnstage*", "MapPeek", "MapClear",
        "MapSize", "MapIncompleteSize", "OrderedMap*", "*Barrier*", "LMDB*", "BigQuery*", "RecordInput",
        "*SessionHandle*", "*SessionTensor", "*Accumulator*", "StatsAggregator*", "ThreadPoolHandle",
    ),
    "needs tables or other things that are not in the graph": (
        "Mutable*HashTable*", "AnonymousHashTable", "AnonymousMutable*", "LookupTableExport*", "LookupTableImport*",
        "LookupTableInsert*", "LookupTableRemove*", "InitializeTable*", "Stack", "StackV2", "StackPush*", "StackPop*",
        "StackClose*", "*Mutex*", "TemporaryVariable", "DestroyTemporaryVariable", "*BoostedTrees*", "*TreeEnsemble*",
        "TensorForest*", "*SparseToTensorsMap", "*SparseFromTensorsMap", "*SeedGenerator", "DestroyResourceOp",
    ),
    "belongs to training in TensorFlow": (
        "Apply*", "SparseApply*", "ResourceApply*", "ResourceSparseApply*", "TensorArrayGrad*", "ScatterAdd",
        "ScatterSub", "ScatterMul", "ScatterDiv", "ScatterMin", "ScatterMax", "ScatterUpdate", "ScatterNdAdd",
        "ScatterNdSub", "ScatterNdUpdate", "ResourceScatter*", "CountUpTo", "ResourceCountUpTo", "StridedSliceAssign",
        "ResourceStridedSliceAssign", "AssignVariableXla*", "ReadVariableXla*",
    ),
}  # fmt: skip


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in names))


_PATTERNS = {reason: _pattern(names) for reason, names in REFUSED.items()}


def why_refused(op: str) -> str | None:
    """Why an op is refused; None where it is not.

    Example:
        >>> why_refused("PyFunc"), why_refused("Conv2D")
        ('runs code', None)
    """
    return next((reason for reason, pattern in _PATTERNS.items() if pattern.fullmatch(op)), None)


def markdown() -> str:
    """The table of the documentation."""
    rows = [f"| {reason} | {', '.join(f'`{name}`' for name in names)} |" for reason, names in REFUSED.items()]
    return "\n".join(["| the op | names |", "| --- | --- |", *rows]) + "\n"
