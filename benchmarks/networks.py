"""Hosts on one machine: network namespaces behind a bridge, every port shaped to a rate. Needs root, `ip` and `tc`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MTU = 9000
# What a port may send at once: the bytes of so many seconds, since the kernel's clock is not finer, or a packet.
CLOCK_SECONDS = 5e-5
# What a port holds back before it drops anything: so much that nothing is lost, as in a network with flow control.
QUEUE = "64mb"


@dataclass(frozen=True)
class Host:
    """A network namespace: what to put before a command that is to run in it, and its address."""

    prefix: tuple[str, ...]
    address: str


def possible() -> bool:
    """Whether this user may make and shape networks here."""
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "tc")))


@contextmanager
def network(hosts: int, gbits: float) -> Iterator[list[Host]]:
    """So many hosts, each of which sends and receives at most `gbits` Gbit/s; gone at the end.

    Raises:
        subprocess.CalledProcessError: the kernel refuses something; its sentence is on stderr.
    """
    mark = f"s{os.getpid() % 100_000}"
    bridge, names = f"{mark}b", [f"{mark}n{index}" for index in range(hosts)]
    try:
        _run(f"ip link add {bridge} mtu {MTU} type bridge")
        _run(f"ip link set {bridge} up")
        for index, name in enumerate(names):
            _join(bridge, name, f"{mark}p{index}", f"10.77.0.{index + 1}", gbits)
        yield [Host(("ip", "netns", "exec", name), f"10.77.0.{index + 1}") for index, name in enumerate(names)]
    finally:
        for index, name in enumerate(names):
            _run(f"ip link del {mark}p{index}", check=False)
            _run(f"ip netns del {name}", check=False)
        _run(f"ip link del {bridge}", check=False)


def _join(bridge: str, name: str, port: str, address: str, gbits: float) -> None:
    """One host, and its cable: shaped at its end for what it sends, at the bridge's for what it receives."""
    burst = max(2 * MTU, round(gbits * 1e9 / 8 * CLOCK_SECONDS))
    shape = f"root tbf rate {round(1e6 * gbits)}kbit burst {burst} limit {QUEUE}"
    _run(f"ip netns add {name}")
    _run(f"ip link add {port} mtu {MTU} type veth peer name eth0 mtu {MTU} netns {name}")
    _run(f"ip link set {port} master {bridge} up")
    _run(f"ip -n {name} addr add {address}/24 dev eth0")
    _run(f"ip -n {name} link set lo up")
    _run(f"ip -n {name} link set eth0 up")
    # Where time is stretched the kernel's is not: waits would seem so long that connections had to start slowly again.
    _run(f"ip netns exec {name} sysctl -q -w net.ipv4.tcp_slow_start_after_idle=0")
    _run(f"tc qdisc add dev {port} {shape}")
    _run(f"ip netns exec {name} tc qdisc add dev eth0 {shape}")


def _run(command: str, check: bool = True) -> None:
    subprocess.run(command.split(), check=check, stderr=None if check else subprocess.DEVNULL)
