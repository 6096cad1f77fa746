"""Nodes over SSH: real sshd's on 127.0.0.1, strict host keys, both transports."""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from engine_nodes import Machine, World, note
from hardway.engine import trust
from hardway.engine.apply import apply
from hardway.engine.events import Event, NodeLost, ignore
from hardway.engine.run import make_plan, open_session
from hardway.engine.ssh import known_hosts
from hardway.engine.transport import Connect, open_transport
from hardway.errors import Refused, Unreachable
from hardway.model import Cluster, Node, Ssh
from hardway.steps import Step
from hardway.workflows.stage import Stage, everywhere

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

START = (
    'mount -t tmpfs tmpfs /run && mkdir -p /run/sshd /run/hardway && mount --bind "$0/run" /run/hardway'
    ' && : >/run/id.pub && mount --bind "$0/../id.pub" /run/id.pub'
    # A user who exists here alone, and what sudo lets them do.
    ' && for file in passwd shadow sudoers; do mount --bind "$0/../etc/$file" "/etc/$file" || exit 1; done'
    ' && exec "$1" -D -e -f "$0/sshd_config"'
)
USER, PASSWORD = "hardway-test", "not a secret' $(anywhere) else"


class Site:
    """Two sshd's, a user's key, and an ssh_config that knows them as `one`, `two` and `behind` (two through one)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = World(root, masters=1, workers=1)
        self.ports: dict[str, int] = {}
        self.servers: list[subprocess.Popen[bytes]] = []
        self.known = root / "known_hosts"
        keygen(root / "id")
        self._make_user()
        for alias, machine in zip(("one", "two"), self.world.machines.values(), strict=True):
            self._start(alias, machine)
        self.config = root / "config"
        self.configure()

    def _make_user(self) -> None:
        (self.root / "etc").mkdir()
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True
        ).stdout.strip()
        for name, line in (
            ("passwd", f"{USER}:x:4242:4242::/tmp:/bin/sh"),
            ("shadow", f"{USER}:{hashed}:19000::::::"),
        ):
            (self.root / "etc" / name).write_text(f"{Path('/etc', name).read_text()}{line}\n")
        (self.root / "etc/sudoers").write_text(f"{USER} ALL=(ALL) ALL\nroot ALL=(ALL) ALL\n")
        (self.root / "etc/shadow").chmod(0o640)
        (self.root / "etc/sudoers").chmod(0o440)

    def _start(self, alias: str, machine: Machine) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = self.ports[alias] = probe.getsockname()[1]
        keygen(machine.root / "host")
        machine.root.joinpath("sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {machine.root}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile /run/id.pub\nStrictModes no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nAllowTcpForwarding yes\n"
        )
        argv = ["unshare", "-m", "sh", "-c", START, str(machine.root), str(SSHD)]
        self.servers.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
        wait_for(port)
        key = (machine.root / "host.pub").read_text().rsplit(" ", 1)[0]
        with self.known.open("a") as file:
            file.write(f"[127.0.0.1]:{port} {key}\n")

    def configure(self, known: str = "", jump_known: str = "") -> None:
        """Write the ssh_config, with other known_hosts files if wanted."""
        known = known or str(self.known)
        lines = []
        for alias, port, file in (
            ("one", self.ports["one"], jump_known or known),
            ("two", self.ports["two"], known),
            ("behind", self.ports["two"], known),
        ):
            lines += [
                f"Host {alias}\n  HostName 127.0.0.1\n  Port {port}\n  UserKnownHostsFile {file}\n"
                f"  User root\n  IdentityFile {self.root}/id\n  IdentitiesOnly yes\n"
            ]
        # Read by way of Include, as many users have it.
        self.root.joinpath("hosts").write_text("".join(lines))
        self.config.write_text(f"Include {self.root}/hosts\nHost behind\n  ProxyJump one\n")

    def cluster(self, transport: str, aliases: tuple[str, str] = ("one", "two")) -> Cluster:
        nodes = tuple(
            dataclasses.replace(node, ssh=Ssh(host=alias, config_file=str(self.config), transport=transport))
            for node, alias in zip(self.world.cluster.nodes, aliases, strict=True)
        )
        return dataclasses.replace(self.world.cluster, nodes=nodes)

    def run(
        self, cluster: Cluster, stage: Stage, told: list[Event] | None = None, connect: Connect = open_transport
    ) -> int:
        async def everything() -> int:
            listener = told.append if told is not None else ignore
            async with open_session(cluster, connect=connect, listener=listener) as session:
                plan = await make_plan(session, [stage])
                return await apply(session, plan, [stage], listener)

        return asyncio.run(everything())


def keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def wait_for(port: int) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError("sshd does not come up")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for server in site.servers:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("transport", ["asyncssh", "openssh"])
@pytest.mark.parametrize("aliases", [("one", "two"), ("one", "behind")])
def test_nodes_are_reached_as_ssh_config_says(site: Site, transport: str, aliases: tuple[str, str]) -> None:
    """Include, aliases, ports, keys and jump hosts; the second apply changes nothing."""
    cluster = site.cluster(transport, aliases)
    stage = Stage(site.world.chapter("a", lambda m, n: [note(m, "one"), note(m, "two")]), everywhere)

    assert site.run(cluster, stage) == 4
    assert site.run(cluster, stage) == 0
    assert [machine.log() for machine in site.world.machines.values()] == [["one", "two"]] * 2


@pytest.mark.parametrize("transport", ["asyncssh", "openssh"])
def test_an_unknown_host_key_is_not_trusted(site: Site, transport: str) -> None:
    """Nothing is sent to a host whose key nobody has confirmed, and the cure is named."""
    site.configure(known=str(site.root / "nothing"))
    stage = Stage(site.world.chapter("a", lambda m, n: [note(m, "one")]), everywhere)

    with pytest.raises(Unreachable) as caught:
        site.run(site.cluster(transport), stage)

    assert "host key is not trusted" in caught.value.render()
    assert "hardway trust" in caught.value.hint
    assert all(machine.log() == [] for machine in site.world.machines.values())


def test_host_key_checking_cannot_be_switched_off(site: Site) -> None:
    """`UserKnownHostsFile none` means `trust everybody` to asyncssh: it is refused, for jump hosts as well."""
    stage = Stage(site.world.chapter("a", lambda m, n: [note(m, "one")]), everywhere)

    site.configure(known="none")
    with pytest.raises(Unreachable, match="switched off"):
        site.run(site.cluster("asyncssh"), stage)
    site.configure(jump_known="none")
    with pytest.raises(Unreachable, match="host key checking is switched off for one") as caught:
        site.run(site.cluster("asyncssh", ("two", "behind")), stage)
    assert caught.value.where == "worker-1.example.com"


def test_known_hosts_files_that_are_not_there_trust_nobody(tmp_path: Path) -> None:
    """As with ssh: a missing file is an empty one; never asyncssh's default of another file, never `no check`."""
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {tmp_path}/a {tmp_path}/b\nGlobalKnownHostsFile {tmp_path}/c\n")

    assert known_hosts("node", [str(config)], "host", "ssh host") == b""
    (tmp_path / "b").touch()
    (tmp_path / "c").touch()
    assert known_hosts("node", [str(config)], "host", "ssh host") == [f"{tmp_path}/b", f"{tmp_path}/c"]


@pytest.mark.parametrize("transport", ["asyncssh", "openssh"])
def test_a_refused_login_and_a_dead_host_are_told_apart(site: Site, transport: str) -> None:
    """Every node that fails is named, with what to do."""
    stage = Stage(site.world.chapter("a", lambda m, n: []), everywhere)
    site.root.joinpath("id.pub").write_text("")

    with pytest.raises(Unreachable, match="2 nodes failed") as refused:
        site.run(site.cluster(transport), stage)
    assert refused.value.output.count("the login was refused") == 2

    for server in site.servers:
        server.terminate()
        server.wait()
    with pytest.raises(Unreachable) as dead:
        site.run(site.cluster(transport), stage)
    assert dead.value.output.count("no connection") == 2


@pytest.mark.parametrize("transport", ["asyncssh", "openssh"])
def test_a_lost_link_costs_one_probe(site: Site, transport: str) -> None:
    """The server's process dies in the middle of a step: connect again, wait for the orphan, go on; all run once."""
    flag = site.root / "cut"

    def steps(machine: Machine, node: Node) -> list[Step]:
        cut = (
            f"if [ ! -e {flag} ] && [ {node.host_name} = worker-1 ]; then\n  touch {flag}\n"
            # The session's sshd is the parent of the shell that is the parent of bash.
            "  pid=$$\n  while ! grep -qx sshd /proc/$pid/comm; do pid=$(cut -d' ' -f4 /proc/$pid/stat); done\n"
            f"  kill -9 $pid\n  sleep 0.5\nfi\necho cut >>{machine.root}/log\n"
        )
        return [note(machine, "one"), note(machine, "cut", script=cut), note(machine, "two")]

    told: list[Event] = []
    site.run(site.cluster(transport), Stage(site.world.chapter("a", steps), everywhere), told)

    assert [machine.log() for machine in site.world.machines.values()] == [["one", "cut", "two"]] * 2
    assert [event.node for event in told if isinstance(event, NodeLost)] == ["worker-1.example.com"]


def settle(cluster: Cluster, *fingerprints: str) -> list[tuple[str, str, str]]:
    """What `hardway trust --yes` does: node, host and state of every key."""
    told = []
    for level in trust.levels(cluster.nodes):
        keys = asyncio.run(trust.scan(level))
        trust.refuse_changed(keys)
        trust.add(trust.pick(keys, fingerprints))
        told += [(key.target.node.split(".")[0], key.pattern, str(key.trust)) for key in keys]
    return told


def fingerprint(key: Path) -> str:
    done = subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


@pytest.mark.parametrize("transport", ["asyncssh", "openssh"])
def test_trust_adds_the_keys_of_jump_hosts_first(site: Site, transport: str) -> None:
    """Before nobody is believed, afterwards both transports work; the second time all is known."""
    known = site.root / "new/known"
    site.configure(known=str(known))
    cluster = site.cluster(transport, ("one", "behind"))
    hosts = {alias: f"[127.0.0.1]:{site.ports[alias]}" for alias in ("one", "two")}

    # Host `one` is a node and the way to another: it is settled once, and the host behind it afterwards.
    assert settle(cluster) == [("master-1", hosts["one"], "new"), ("worker-1", hosts["two"], "new")]
    stage = Stage(site.world.chapter("a", lambda m, n: [note(m, "one")]), everywhere)
    assert site.run(cluster, stage) == 2
    assert {state for _, _, state in settle(cluster)} == {"known"}
    assert known.stat().st_mode & 0o777 == 0o600
    assert sorted(known.read_text().splitlines()) == sorted(site.known.read_text().splitlines())


def test_trust_refuses_a_changed_key(site: Site) -> None:
    """Loudly, with the line to type, and nothing is added for anybody."""
    site.known.write_text("")
    keygen(site.root / "other")
    other = (site.root / "other.pub").read_text()
    site.known.write_text(f"[127.0.0.1]:{site.ports['one']} {other}")

    with pytest.raises(Refused, match="HOST KEY HAS CHANGED") as caught:
        settle(site.cluster("asyncssh"))
    assert caught.value.where == "master-1.example.com"
    assert caught.value.command == f"ssh-keygen -R '[127.0.0.1]:{site.ports['one']}' -f {site.known}"
    assert fingerprint(site.world["master-1"].root / "host.pub") in caught.value.output
    assert len(site.known.read_text().splitlines()) == 1


def test_trust_by_fingerprint(site: Site) -> None:
    """The keys that were named, and no other: a host that shows none of them is refused."""
    known = site.root / "known"
    known.write_text("# no newline at the end")
    site.configure(known=str(known))
    cluster = site.cluster("asyncssh")
    keys = [fingerprint(machine.root / "host.pub") for machine in site.world.machines.values()]

    with pytest.raises(Refused, match="none of the fingerprints") as caught:
        settle(cluster, keys[0])
    assert caught.value.where == "worker-1.example.com"
    assert known.read_text() == "# no newline at the end"
    settle(cluster, *keys)
    assert sorted(known.read_text().splitlines()[1:]) == sorted(site.known.read_text().splitlines())


def test_trust_judges_other_kinds_of_keys() -> None:
    """A host that shows a known key may have others; one that shows none of its known keys has changed."""
    one, two = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    rsa = asyncssh.generate_private_key("ecdsa-sha2-nistp256")

    assert trust._judge(rsa, [one, rsa], [one], []) is trust.Trust.NEW
    assert trust._judge(rsa, [rsa], [one], []) is trust.Trust.CHANGED
    assert trust._judge(two, [two, rsa], [one, rsa], []) is trust.Trust.CHANGED
    assert trust._judge(one, [one], [one], [one]) is trust.Trust.CHANGED
    assert trust._judge(one, [one], [], []) is trust.Trust.NEW


@pytest.mark.parametrize("transport", ["asyncssh", "openssh"])
def test_sudo_with_a_password(site: Site, transport: str) -> None:
    """The password goes over standard input alone: no process shows it, and whoever needs none is not confused by it."""
    nodes = [dataclasses.replace(n, ssh=dataclasses.replace(n.ssh, user=USER)) for n in site.cluster(transport).nodes]
    # The second node is logged in to as root, which asks nobody.
    mixed = (nodes[0], dataclasses.replace(nodes[1], ssh=dataclasses.replace(nodes[1].ssh, user="root")))
    cluster = dataclasses.replace(site.world.cluster, nodes=mixed)
    stage = Stage(
        site.world.chapter(
            "a", lambda m, n: [note(m, "who", script=f"sleep 0.3\nid -un >>{m.root}/log\necho who >>{m.root}/log\n")]
        ),
        everywhere,
    )
    with pytest.raises(Unreachable, match="scripts cannot be run as root") as caught:
        site.run(cluster, stage)
    assert "--ask-sudo-password" in caught.value.hint
    with pytest.raises(Unreachable, match="scripts cannot be run as root") as caught:
        site.run(cluster, stage, connect=partial(open_transport, sudo_password="wrong"))
    assert "wrong" not in caught.value.render()

    seen, stop = set[str](), threading.Event()

    def watch() -> None:
        while not stop.wait(0.01):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    seen.add(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert site.run(cluster, stage, connect=partial(open_transport, sudo_password=PASSWORD)) == 2
    finally:
        stop.set()
        watcher.join()
    assert [machine.log() for machine in site.world.machines.values()] == [["root", "who"]] * 2
    assert any("sudo -S" in line for line in seen)
    assert [line for line in seen if "not a secret" in line] == []


def test_sudo_without_a_password_is_not_confused_by_one(site: Site) -> None:
    """NOPASSWD: sudo leaves the line in the pipe, and it is not run as a command."""
    sudoers = site.root / "etc/sudoers"
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    nodes = tuple(
        dataclasses.replace(n, ssh=dataclasses.replace(n.ssh, user=USER)) for n in site.cluster("asyncssh").nodes
    )
    cluster = dataclasses.replace(site.world.cluster, nodes=nodes)
    stage = Stage(site.world.chapter("a", lambda m, n: [note(m, "one")]), everywhere)
    ran = site.root / "ran"

    assert site.run(cluster, stage, connect=partial(open_transport, sudo_password=f"touch {ran}")) == 2
    assert not ran.exists()
    assert site.run(cluster, stage) == 0


def test_the_verb_trust(site: Site) -> None:
    """Shown first; nobody can be asked here, so nothing is added without --yes. Then the keys are data."""
    known = site.root / "known"
    site.configure(known=str(known))
    example = Path(__file__).parents[2] / "examples/lab/cluster.yaml"
    text = example.read_text().replace("/var/lib/hardway-lab/lab/ssh/config", str(site.config))
    text = text.replace("address: 10.30.0.11,", "address: 10.30.0.11, ssh: {host: one},")
    file = site.root / "cluster.yaml"
    file.write_text(text.replace("address: 10.30.0.21,", "address: 10.30.0.21, ssh: {host: behind},"))

    def hardway(*more: str) -> subprocess.CompletedProcess[str]:
        argv = [
            sys.executable,
            "-m",
            "hardway.cli",
            "trust",
            "-f",
            str(file),
            "--node",
            "master-1",
            "--node",
            "worker-1",
        ]
        return subprocess.run(
            [*argv, *more], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
        )

    asked = hardway()
    assert (asked.returncode, known.exists()) == (2, False)
    assert fingerprint(site.world["master-1"].root / "host.pub") in asked.stdout
    assert "--yes" in asked.stderr
    assert hardway("--fingerprint", "SHA256:another").returncode == 6
    told = json.loads(hardway("--yes", "--json").stdout)
    assert told["added"] == 2
    assert [(key["node"].split(".")[0], key["state"]) for key in told["keys"]] == [
        ("master-1", "new"),
        ("worker-1", "new"),
    ]
    assert {key["state"] for key in json.loads(hardway("--json").stdout)["keys"]} == {"known"}
