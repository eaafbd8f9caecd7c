"""BigDL's decorator that gives a function a second module name."""

import functools
import sys
from typing import Any

Keras_API_NAME = "keras"


class api_export:
    """Registers what it decorates under names.

    Args:
        *args: the names.
        **kwargs: `api_name`.
    """

    def __init__(self, *args: str, **kwargs: Any) -> None:
        self._names = args
        self._api_name = kwargs.get("api_name", Keras_API_NAME)

    def __call__(self, func: Any) -> Any:
        for name in self._names:
            sys.modules[name] = func
        return func


keras_export = functools.partial(api_export, api_name=Keras_API_NAME)
