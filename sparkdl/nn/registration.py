"""Makes `import sparkdl` enough for Keras to know the layers of this folder, without importing Keras itself.

Keras reads a saved model by the names under which classes were registered, and imports no module to look for them. So
the layers are registered right after Keras has been imported, whoever imports it; at once where it is there already.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_KERAS = "keras"


def register_with_keras() -> None:
    """Registers the layers now, or when Keras is imported."""
    if _KERAS in sys.modules:
        _import_layers()
    elif not any(isinstance(finder, _AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterKeras())


def _import_layers() -> None:
    package = importlib.import_module(__package__ or "sparkdl.nn")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


class _AfterKeras:
    """Finds Keras as everybody does, and then has the layers imported behind it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if name != _KERAS:
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _import_layers()

            loader.exec_module = exec_module
        return spec
