"""The models of `workloads.py` in PyTorch, as its users write them: NCHW, channels last in memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=bias)


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            _convolution(inputs, width, 1, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _convolution(width, width, 3),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            _convolution(width, 4 * width, 1),
            nn.BatchNorm2d(4 * width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != 4 * width:
            self.shortcut = nn.Sequential(_convolution(inputs, 4 * width, 1, stride), nn.BatchNorm2d(4 * width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.main(x) + self.shortcut(x))


def _resnet50() -> nn.Module:
    """With the stride in the first convolution of a block, and biases, as Keras has it."""
    layers = [_convolution(3, 64, 7, 2), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(blocks):
            layers.append(_Bottleneck(inputs, width, stride if index == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


class _Dense(nn.Module):
    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(inplace=True),
            _convolution(inputs, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(inplace=True),
            _convolution(4 * growth, growth, 3, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.main(x)], 1)


def _densenet121() -> nn.Module:
    growth, channels = 32, 64
    layers = [_convolution(3, 64, 7, 2, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    for blocks in (6, 12, 24, 16):
        if len(layers) > 4:
            layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            layers += [_convolution(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
        for _ in range(blocks):
            layers.append(_Dense(channels, growth))
            channels += growth
    layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, 1000))


def _vgg16() -> nn.Module:
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [_convolution(inputs, width, 3), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(4096, 1000))


def _lenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 12, 5), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(12 * 4 * 4, 100), nn.Tanh(), nn.Linear(100, 10)),
    )


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


class _Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.LSTM(16, 64, batch_first=True)
        self.output = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.cells(x)[0][:, -1])


MODELS: dict[str, Callable[[], nn.Module]] = {
    "lenet": _lenet,
    "lstm": _Lstm,
    "mlp": _mlp,
    "resnet50": _resnet50,
    "densenet121": _densenet121,
    "vgg16": _vgg16,
}


class Loop:
    """Training steps of a model on one batch, in one thread.

    Args:
        name: of the model.
        features: (rows, ...) float32, channels last.
        labels: (rows,) int64.
        precision: "float32" or "bf16" (autocast).
    """

    def __init__(self, name: str, features: object, labels: object, precision: str) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(1)
        model = MODELS[name]().train()
        x = torch.as_tensor(features)
        if x.ndim == 4:
            model, x = model.to(memory_format=torch.channels_last), x.permute(0, 3, 1, 2)
        self._model, self._x, self._labels = model, x, torch.as_tensor(labels)
        self._bf16 = precision == "bf16"
        self._optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def step(self) -> float:
        """One of them; its loss."""
        self._optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            outputs = self._model(self._x)
        loss = nn.functional.cross_entropy(outputs.float(), self._labels)
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())
