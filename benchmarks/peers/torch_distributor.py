"""TorchDistributor (pyspark.ml.torch): PyTorch's DistributedDataParallel over gloo, which reads a file itself."""

import time

import pyspark
from common import parse_arguments, read, report, spark_session
from pyspark.ml.torch.distributor import TorchDistributor


def build(name):
    """The model with the initialisation of the others: Glorot's uniform one, and biases of zero."""
    import torch
    from torch import nn

    class LSTM(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.head = nn.LSTM(16, 64, batch_first=True), nn.Linear(64, 2)

        def forward(self, rows):
            return self.head(self.cells(rows)[0][:, -1])

    if name == "lstm":
        model = LSTM()
    elif name == "mlp":
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    else:
        model = nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 12, 5), nn.Tanh(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(192, 100), nn.Tanh(), nn.Linear(100, 10)),
        )
    for parameter in model.parameters():
        torch.nn.init.xavier_uniform_(parameter) if parameter.dim() > 1 else torch.nn.init.zeros_(parameter)
    return model


def accuracy(model, rows, labels):
    """Share of the held-out rows that the model gets right."""
    import torch

    model.eval()
    with torch.inference_mode():
        right = (model(rows).argmax(1) == labels).float().mean().item()
    model.train()
    return right


def train(path, name, epochs, batch, rate, seed, began):
    """What each process runs: returns the moments of each epoch, as worker 0 saw them."""
    import torch
    import torch.distributed
    from common import Stopwatch
    from torch.nn.parallel import DistributedDataParallel
    from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset

    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    torch.manual_seed(seed)
    features, labels, test_features, test_labels = (torch.from_numpy(part) for part in read(path))
    if name == "lenet":  # PyTorch's images have their channels first.
        features, test_features = (part.permute(0, 3, 1, 2).contiguous() for part in (features, test_features))
    dataset = TensorDataset(features, labels)
    sampler = DistributedSampler(dataset, seed=seed)
    # Whole batches are taken from the tensors at once, which is much faster than row by row.
    batches = BatchSampler(sampler, batch // torch.distributed.get_world_size(), drop_last=False)
    loader = DataLoader(dataset, sampler=batches, batch_size=None)
    model = DistributedDataParallel(build(name))
    optimizer = torch.optim.SGD(model.parameters(), rate)
    loss_of, watch = torch.nn.CrossEntropyLoss(), Stopwatch(began)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        watch.start_steps()
        for rows, answers in loader:
            optimizer.zero_grad()
            loss_of(model(rows), answers).backward()
            optimizer.step()
        watch.end_steps()
        # On one worker while the others go on to wait for it.
        watch.end_epoch(accuracy(model.module, test_features, test_labels) if torch.distributed.get_rank() == 0 else 0)
    torch.distributed.destroy_process_group()
    return watch.epochs, torch.__version__


def main():
    """Trains, and prints one line."""
    arguments = parse_arguments(__doc__)
    spark = spark_session(arguments.workers)
    rows = len(read(arguments.data)[0])
    began = time.time()
    distributor = TorchDistributor(num_processes=arguments.workers, local_mode=False, use_gpu=False)
    epochs, version = distributor.run(
        train,
        *(arguments.data, arguments.model, arguments.epochs, arguments.batch, arguments.rate, arguments.seed, began),
    )
    seconds = time.time() - began
    report(
        "TorchDistributor", arguments, rows, seconds, epochs, {"torch": str(version), "pyspark": pyspark.__version__}
    )
    spark.stop()


if __name__ == "__main__":
    main()
