"""The names of BigDL's bridge to Java. Nothing here runs in a JVM, so those that would are refused."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

from sparkdl.bigdl.util.arguments import checked
from sparkdl.errors import UnsupportedError

_HOME = "sparkdl.bigdl."


def _py2java(gateway: Any, obj: Any) -> Any:
    """What scripts handed to Java stays what it is."""
    return obj


def _java2py(gateway: Any, r: Any, encoding: str = "bytes") -> Any:
    """What scripts took from Java is what it was."""
    return r


def callBigDlFunc(bigdl_type: str, name: str, *args: Any) -> NoReturn:
    """Refused: there is no Java behind this package.

    Raises:
        UnsupportedError: always.
    """
    raise UnsupportedError(
        f"callBigDlFunc cannot call {name!r}: it is a function of BigDL's Java code, and this package has none; use "
        f"the Python class or method that BigDL has for it."
    )


class SingletonMixin:
    """One instance per class."""

    _lock = threading.RLock()
    _instance: Any = None

    @classmethod
    def instance(cls, bigdl_type: str, *args: Any) -> Any:
        """The instance; made the first time."""
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls(bigdl_type, *args)  # type: ignore[call-arg]
        return cls._instance


class GatewayWrapper(SingletonMixin):
    """Refused: executors have no Java that could be called."""

    def __init__(self, bigdl_type: str, port: int = 25333) -> None:
        raise UnsupportedError(
            f"GatewayWrapper cannot connect to a Java gateway on port {port}: nothing of this package runs in Java."
        )


class JavaCreator(SingletonMixin):
    """The names of the Java classes that a script has added; nobody calls them."""

    _creator_classes: list[str] = []

    def __init__(self, bigdl_type: str, gateway: Any) -> None:
        self.value: list[Any] = []

    @classmethod
    def add_creator_class(cls, jinvoker: str) -> None:
        """Adds a name."""
        JavaCreator._creator_classes = [*JavaCreator._creator_classes, jinvoker]

    @classmethod
    def get_creator_class(cls) -> list[str]:
        """All names."""
        return JavaCreator._creator_classes

    @classmethod
    def set_creator_class(cls, cclass: str | list[str]) -> None:
        """Replaces all names."""
        JavaCreator._creator_classes = [cclass] if isinstance(cclass, str) else list(cclass)


class JavaValue:
    """The base of everything in BigDL that had a counterpart in Java: `value`, which is None here as a rule."""

    value: Any
    bigdl_type: str

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith(_HOME):  # what scripts mean by their own annotations is theirs
            checked(cls)

    def jvm_class_constructor(self) -> str:
        """What the function that made the counterpart was called."""
        return "create" + type(self).__name__

    def __init__(self, jvalue: Any, bigdl_type: str, *args: Any) -> None:
        self.value = jvalue
        self.bigdl_type = bigdl_type

    def __str__(self) -> str:
        return type(self).__name__


class JActivity:
    """A tensor or a list of tensors."""

    def __init__(self, value: Any) -> None:
        self.value = value


def callZooFunc(bigdl_type: str, name: str, *args: Any) -> NoReturn:
    """Refused, as `callBigDlFunc` is.

    Raises:
        UnsupportedError: always.
    """
    callBigDlFunc(bigdl_type, name, *args)
