"""Machines on a network of their own: they see each other, nobody else, and nothing is left of them."""

import subprocess
from pathlib import Path

import pytest

from hardway.errors import StepFailed
from hardway.model import Node, Role
from hardway.parity.stored.machines import BRIDGE, Living, Network, network
from hardway.renderers import sandbox
from hardway.renderers.files import file

pytestmark = pytest.mark.parity

NAMES = {"a.example.com": "10.77.1.1", "b.example.com": "10.77.1.2"}


def traces() -> list[str]:
    """What machines could leave here: mounts of theirs, the bridge and its ports."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if "/space" in line]
    links = subprocess.check_output(["ip", "-o", "link"], text=True).splitlines()
    return mounts + [line for line in links if f" {BRIDGE}:" in line or " port0" in line]


def from_here(url: str) -> str:
    """What this machine finds there: nothing, or whoever answers for all addresses on its way out."""
    done = subprocess.run(
        ["curl", "-s", "-m", "2", "--noproxy", "*", url], check=False, capture_output=True, text=True
    )
    return done.stdout


def machine(net: Network, name: str) -> Living:
    """One that has a file."""
    node = Node(name, name.partition(".")[0], NAMES[name], frozenset({Role.WORKER}))
    return net.add(sandbox.machine(node), NAMES[name], {"/etc/of-the-test": file(f"{name}\n", 0o600)})


def test_they_live_side_by_side_and_leave_nothing() -> None:
    """What one serves the other reads, by an address that this machine does not have; then all of it is gone."""
    before = traces()
    with network() as net:
        one, other = (machine(net, name) for name in NAMES)
        one.run("python3 -m http.server --directory /etc 8080 </dev/null >/dev/null 2>&1 &\n", "serve")
        ask = "curl -sS --retry 20 --retry-all-errors --retry-delay 1 http://10.77.1.1:8080/of-the-test\n"

        assert other.run(ask, "ask") == b"a.example.com\n"
        assert other.run("hostname\n", "ask") == b"b.example.com\n"
        assert sorted(other.tree("/etc/of-the-test", "/not-there")) == ["/etc/of-the-test"]
        assert "a.example.com" not in from_here("http://10.77.1.1:8080/of-the-test")
        serving = [
            int(line)
            for line in subprocess.check_output(["pgrep", "-f", "http.server --directory /etc 8080"]).split()
        ]
        assert serving

    assert not any(Path(f"/proc/{pid}").exists() for pid in serving)
    assert traces() == before


def test_files_are_laid_down_with_their_modes() -> None:
    """As the engine lays down run inputs."""
    with network() as net:
        one = machine(net, "a.example.com")
        one.put({"/run/secret": file(b"\0x", 0o600)})

        assert one.tree("/run/secret") == {"/run/secret": file(b"\0x", 0o600)}


def test_what_fails_says_where() -> None:
    """The machine and what it was doing, with its last words; a machine that takes too long is stopped."""
    with network() as net:
        one = machine(net, "a.example.com")
        with pytest.raises(StepFailed, match=r"a\.example\.com: try: a script ended with 3\n  \| no luck"):
            one.run("echo no luck >&2\nexit 3\n", "try")
        with pytest.raises(StepFailed, match=r"a\.example\.com: wait: a script did not end within 0\.5 s"):
            one.run("sleep 60\n", "wait", limit=0.5)
