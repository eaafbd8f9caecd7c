"""Whether another machine can open a connection to this one."""

from __future__ import annotations

import socket


def own_address(peer: str) -> str:
    """The address of this machine from which packets to `peer` (a host name or address) leave; nothing is sent.

    Raises:
        OSError: there is no way to that host.

    Example:
        >>> own_address("127.0.0.1")
        '127.0.0.1'
    """
    family, kind, protocol, _, address = socket.getaddrinfo(peer.strip("[]"), 9, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])


def can_reach(host: str, port: int, seconds: float) -> bool:
    """Whether a connection to that port can be opened from here; it is closed at once."""
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError:
        return False
    return True
