"""Hosts on one switch: network namespaces, cables and a bridge, in a network of our own (`bin/network`)."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

SWITCH, OURS, BITS = "switch", "10.77.0.1", 24
OF_HOSTS = "10.77.0.{}"


def ip(*arguments: str) -> None:
    """Set the network up."""
    subprocess.run(["ip", *arguments], check=True)


@dataclass(frozen=True, slots=True)
class Host:
    """A machine as the network sees it: its own addresses, routes, connections; its cable to the switch."""

    name: str
    address: str

    @property
    def port(self) -> str:
        """The switch's end of its cable."""
        return f"to-{self.name}"

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The command as it is run there."""
        return ("ip", "netns", "exec", self.name, *arguments)

    def cut_off(self) -> None:
        """Let the switch forget it: nothing comes or goes, and no closed connection or link that is down says so."""
        ip("link", "set", self.port, "nomaster")

    def let_back(self) -> None:
        """The switch knows it again."""
        ip("link", "set", self.port, "master", SWITCH)


@contextmanager
def switch() -> Iterator[None]:
    """The switch, which we hang on too: we are the database's host."""
    if os.environ.get("DESK_NETWORK") != "own":
        pytest.fail("this makes network devices: start it by `make test-hosts`, in a network of its own")
    ip("link", "add", SWITCH, "type", "bridge")
    try:
        ip("address", "add", f"{OURS}/{BITS}", "dev", SWITCH)
        ip("link", "set", SWITCH, "up")
        yield
    finally:
        ip("link", "del", SWITCH)


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """So many hosts, each on the switch by a cable of its own."""
    with ExitStack() as made:
        yield [made.enter_context(_host(Host(name, OF_HOSTS.format(11 + at)))) for at, name in enumerate(names)]


@contextmanager
def _host(host: Host) -> Iterator[Host]:
    ip("netns", "add", host.name)
    try:
        ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        ip("link", "set", host.port, "master", SWITCH, "up")
        ip("-n", host.name, "address", "add", f"{host.address}/{BITS}", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", host.name, "link", "set", device, "up")
        yield host
    finally:
        ip("link", "del", host.port)  # a program that is about to end may keep the rest for a moment
        ip("netns", "del", host.name)
