"""Text and bytes encrypted by AES, as BigDL 2.x does it. Needs `sparkdl[tls]`.

A key comes of a secret and a salt (PBKDF2, SHA-256). CBC does not notice when a text was altered; GCM does.
"""

import base64
import hashlib
import os
from typing import Any

from sparkdl.errors import ArgumentError, DataError, MissingExtraError

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.backends import default_backend
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError as error:
    raise MissingExtraError(
        "encryption_utils needs the package cryptography: pip install 'sparkdl[tls]' on the driver and the executors."
    ) from error

back_end = default_backend()
_ROUNDS, _TAG, _BLOCK_BITS = 65536, 16, 128


def get_private_key(secret_key: str, salt: str, key_len: int = 128) -> bytes:
    """The key of a secret and a salt: of 128 or 256 bits."""
    if key_len not in (128, 192, 256):
        raise ArgumentError(f"a key of AES has 128, 192 or 256 bits, received key_len={key_len!r}.")
    return hashlib.pbkdf2_hmac("SHA256", secret_key.encode(), salt.encode(), _ROUNDS, key_len // 8)


def encrypt_bytes_with_AES_CBC(
    plain_text_bytes: bytes, secret_key: str, salt: str, key_len: int = 128, block_size: int = 16
) -> bytes:
    """A random vector, and the encrypted bytes."""
    vector = os.urandom(block_size)
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    data = padder.update(plain_text_bytes) + padder.finalize()
    encryptor = _cipher(secret_key, salt, key_len, modes.CBC(vector)).encryptor()
    return vector + encryptor.update(data) + encryptor.finalize()


def decrypt_bytes_with_AES_CBC(
    cipher_text_bytes: bytes, secret_key: str, salt: str, key_len: int = 128, block_size: int = 16
) -> bytes:
    """What `encrypt_bytes_with_AES_CBC` encrypted.

    Raises:
        DataError: it was altered, or the secret, salt or length of the key is another one.
    """
    decryptor = _cipher(secret_key, salt, key_len, modes.CBC(cipher_text_bytes[:block_size])).decryptor()
    unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
    try:
        data = decryptor.update(cipher_text_bytes[block_size:]) + decryptor.finalize()
        return unpadder.update(data) + unpadder.finalize()
    except ValueError as error:
        raise _wrong() from error


def encrypt_bytes_with_AES_GCM(
    plain_text_bytes: bytes, secret_key: str, salt: str, key_len: int = 128, block_size: int = 12
) -> bytes:
    """A random vector, the encrypted bytes, and a tag by which alterations are noticed."""
    vector = os.urandom(block_size)
    encryptor = _cipher(secret_key, salt, key_len, modes.GCM(vector)).encryptor()
    return vector + encryptor.update(plain_text_bytes) + encryptor.finalize() + encryptor.tag


def decrypt_bytes_with_AES_GCM(
    cipher_text_bytes: bytes, secret_key: str, salt: str, key_len: int = 128, block_size: int = 12
) -> bytes:
    """What `encrypt_bytes_with_AES_GCM` encrypted. Unlike BigDL, which forgets to look, this checks the tag.

    Raises:
        DataError: it was altered, or the secret, salt or length of the key is another one.
    """
    vector, tag = cipher_text_bytes[:block_size], cipher_text_bytes[-_TAG:]
    try:
        decryptor = _cipher(secret_key, salt, key_len, modes.GCM(vector, tag)).decryptor()
        return decryptor.update(cipher_text_bytes[block_size:-_TAG]) + decryptor.finalize()
    except (InvalidTag, ValueError) as error:
        raise _wrong() from error


def encrypt_with_AES_CBC(plain_text: str, secret_key: str, salt: str, key_len: int = 128, block_size: int = 16) -> str:
    """A text, encrypted, in Base64."""
    return base64.b64encode(
        encrypt_bytes_with_AES_CBC(plain_text.encode(), secret_key, salt, key_len, block_size)
    ).decode()


def decrypt_with_AES_CBC(cipher_text: str, secret_key: str, salt: str, key_len: int = 128, block_size: int = 16) -> str:
    """What `encrypt_with_AES_CBC` encrypted."""
    return decrypt_bytes_with_AES_CBC(base64.b64decode(cipher_text), secret_key, salt, key_len, block_size).decode()


def encrypt_with_AES_GCM(plain_text: str, secret_key: str, salt: str, key_len: int = 128, block_size: int = 12) -> str:
    """A text, encrypted, in Base64."""
    return base64.b64encode(
        encrypt_bytes_with_AES_GCM(plain_text.encode(), secret_key, salt, key_len, block_size)
    ).decode()


def decrypt_with_AES_GCM(cipher_text: str, secret_key: str, salt: str, key_len: int = 128, block_size: int = 12) -> str:
    """What `encrypt_with_AES_GCM` encrypted."""
    return decrypt_bytes_with_AES_GCM(base64.b64decode(cipher_text), secret_key, salt, key_len, block_size).decode()


def _cipher(secret_key: str, salt: str, key_len: int, mode: Any) -> Any:
    return Cipher(algorithms.AES(get_private_key(secret_key, salt, key_len)), mode, backend=back_end)


def _wrong() -> DataError:
    return DataError("the text cannot be decrypted: it was altered, or the secret, the salt or key_len is another one.")
