"""Whether the connections of a run are encrypted: as Spark's own are, for its closures carry the key."""

from __future__ import annotations

import logging

from sparkdl.collective.certificate import Identity, make_identity
from sparkdl.errors import ArgumentError, MissingExtraError
from sparkdl.spark.cluster import Context
from sparkdl.spark.connect import ConnectContext

logger = logging.getLogger("sparkdl")
# Either of them encrypts what carries the task closures. Spark's older SASL encryption is too weak to count.
SWITCHES = ("spark.network.crypto.enabled", "spark.ssl.rpc.enabled")


def identity_of_run(context: Context, encrypt: bool | None) -> Identity | None:
    """What the driver and the workers of a new run show each other; None where they talk in clear.

    Args:
        context: Spark, which carries the key to the executors.
        encrypt: None for what Spark does itself.

    Raises:
        ArgumentError: encryption is wanted where Spark would send the key in clear.
        MissingExtraError: the package that makes certificates is missing on the driver.
    """
    if encrypt not in (None, True, False):
        raise ArgumentError(f"encrypt must be True, False or None (as Spark does), received {encrypt!r}.")
    protected = is_protected(context)
    if encrypt and not protected:
        raise ArgumentError(
            "encrypt=True needs a Spark whose own connections are encrypted, for they carry the key to the executors, "
            f"and here neither {' nor '.join(SWITCHES)} is true: start the session with spark.authenticate=true and "
            "spark.network.crypto.enabled=true, and leave encrypt away."
        )
    if encrypt is False and protected:
        logger.warning("encrypt=False: gradients and weights travel in clear, although Spark's own data do not.")
    if encrypt is False or not protected:
        return None
    try:
        return make_identity()
    except MissingExtraError as error:
        raise MissingExtraError(
            f"Spark's connections are encrypted here, and so are sparkdl's. {error} Or give encrypt=False, if "
            "gradients, weights and reports may travel in clear."
        ) from error


def is_protected(context: Context) -> bool:
    """Whether Spark encrypts what it sends to executors, task closures among it, all the way from here."""
    if isinstance(context, ConnectContext) and not context.secure:
        return False
    conf = context.getConf()
    return any(conf.get(switch, "false").lower() == "true" for switch in SWITCHES)
