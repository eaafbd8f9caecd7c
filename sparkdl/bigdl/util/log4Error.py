"""BigDL's way to raise errors, for scripts that use it too."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


def outputUserMessage(errMsg: str, fixMsg: str | None = None) -> None:
    """Logs an error, and how it is mended."""
    logger.error("%s%s", errMsg, f" How to fix: {fixMsg}" if fixMsg else "")


def invalidInputError(condition: object, errMsg: str, fixMsg: str | None = None) -> None:
    """Raises where the condition does not hold.

    Raises:
        RuntimeError: as BigDL does.

    Example:
        >>> invalidInputError(1 < 2, "one must be less than two")
    """
    if not condition:
        outputUserMessage(errMsg, fixMsg)
        raise RuntimeError(errMsg)


def invalidOperationError(
    condition: object, errMsg: str, fixMsg: str | None = None, cause: BaseException | None = None
) -> None:
    """Raises the cause where the condition does not hold.

    Raises:
        RuntimeError: as BigDL does, where there is no cause.
    """
    if not condition:
        outputUserMessage(errMsg, fixMsg)
        raise cause or RuntimeError(errMsg)
