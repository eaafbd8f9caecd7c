"""`import sparkdl.bigdl.install`: from then on `bigdl.*`, `bigdl.dllib.*` and `zoo.*` are modules of `sparkdl.bigdl`.

The same module objects, under other names: `bigdl.nn.layer.Linear is sparkdl.bigdl.nn.layer.Linear`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from sparkdl.bigdl.names import HOME, ROOTS, ZOO, home_of, reason_against
from sparkdl.errors import UnsupportedError

NAME = "bigdl"


class _Alias(Loader):
    """Loads a module of this package under one of BigDL's names."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself."""
        module = importlib.import_module(self._home)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Gives the module its own spec back, which Python has just replaced by the alias's."""
        module.__spec__ = self._spec


class Aliases(MetaPathFinder):
    """Finds modules of this package under BigDL's names."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """The alias of a module; None for what is not BigDL's.

        Raises:
            ModuleNotFoundError: for a part of BigDL that is not here, with the reason.
        """
        root = fullname.partition(".")[0]
        if root not in ROOTS or (root == ZOO and _is_of_others(ZOO)):
            return None
        why = reason_against(fullname)
        if why is not None:
            raise ModuleNotFoundError(f"sparkdl does not stand in for {fullname}: {why}.", name=fullname)
        home = home_of(fullname)
        return ModuleSpec(fullname, _Alias(home)) if _exists(home) else None


def _is_of_others(root: str) -> bool:
    """Whether a name that many programs use for themselves means a package that is no part of this one."""
    loaded = sys.modules.get(root)
    return PathFinder.find_spec(root) is not None if loaded is None else loaded.__name__ != HOME


def _exists(home: str) -> bool:
    try:
        return importlib.util.find_spec(home) is not None
    except ModuleNotFoundError:  # a parent is not there
        return False


def real_bigdl() -> str | None:
    """Where a BigDL is installed that is not this one; None where there is none.

    A folder of scripts that is called bigdl is none: it has no modules of BigDL's.
    """
    loaded = sys.modules.get(NAME)
    spec = PathFinder.find_spec(NAME)
    places = list((spec and spec.submodule_search_locations) or ())
    if loaded is not None and loaded.__name__ == NAME:
        places += list(getattr(loaded, "__path__", ()))
    for part in ("dllib", "util", "orca"):
        found = PathFinder.find_spec(f"{NAME}.{part}", places) if places else None
        if found is not None:
            return next(iter(found.submodule_search_locations or ()), None) or found.origin
    return None


def is_installed() -> bool:
    """Whether BigDL's names lead here."""
    return any(isinstance(finder, Aliases) for finder in sys.meta_path)


def install() -> None:
    """Makes `bigdl.*` importable as the modules of this package; does nothing the second time.

    Raises:
        UnsupportedError: a real BigDL is installed.
    """
    if is_installed():
        return
    place = real_bigdl()
    if place is not None:
        raise UnsupportedError(
            f"BigDL itself is installed ({place}), and its names cannot stand for two packages: uninstall it, or "
            f"import this package's modules under their own names, for example {HOME}.nn.layer."
        )
    sys.meta_path.insert(0, Aliases())
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]
    sys.modules[NAME] = importlib.import_module(HOME)


install()
