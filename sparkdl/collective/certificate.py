"""The certificate of a run: made by the driver, held by all its workers, pinned by every one of them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from sparkdl.errors import MissingExtraError

# A run ends long before its certificate, and a host whose clock is wrong must not end it earlier.
FIRST_DAY = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
LAST_DAY = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Identity:
    """What shows that a process belongs to a run: the same for the driver and all workers.

    Attributes:
        certificate: PEM; self-signed, and the only one that the others accept.
        key: PEM, as secret as the run's secret; never shown.
    """

    certificate: bytes
    key: bytes = field(repr=False)


def make_identity() -> Identity:
    """A new certificate with its key, for one run.

    Raises:
        MissingExtraError: the package `cryptography` is not installed; only the driver needs it.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise MissingExtraError(
            "Encrypted connections need the package 'cryptography' on the driver, which is not installed: "
            "pip install 'sparkdl[tls]'."
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sparkdl run")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), FIRST_DAY, LAST_DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    return Identity(
        certificate.public_bytes(encoding),
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
