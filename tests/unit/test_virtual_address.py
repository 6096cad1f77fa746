"""The virtual address of several balancers: keepalived's own opinion of its configuration, and what it asks."""

import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from clusters import ipv6_cluster, lab_cluster, machine

from hardway.chapters.load_balancer import LOAD_BALANCER
from hardway.chapters.virtual_address import PROBE, config_test, keepalived, probe
from hardway.engine.facts import collect, parse
from hardway.model import Balancer, Cluster, Facts, Role
from hardway.steps import Directory, Packages, Wait


def two(cluster: Cluster) -> Cluster:
    """The cluster with a second balancer and an address that neither has."""
    six = ":" in cluster.first_control_plane.address
    first = replace(cluster.balancers[0], facts=Facts(interface="eth0"))
    second = replace(machine("lb-2", "fd00:30::f" if six else "10.30.0.9", Role.LOAD_BALANCER), facts=first.facts)
    others = (node for node in cluster.nodes if node.name != first.name)
    return replace(
        cluster,
        nodes=(*others, first, second),
        balancer=Balancer("fd00:30::99" if six else "10.30.0.99", virtual=True),
    )


def read_by_keepalived(text: str, address: str, folder: Path) -> tuple[int, str]:
    """What keepalived says of its configuration on a machine with this address on eth0."""
    file = folder / "keepalived.conf"
    # It refuses to run what lies in a folder that others may write to, as /tmp is.
    file.write_text(text.replace(PROBE, "/bin/true"))
    width, without = (64, "nodad") if ":" in address else (24, "")
    script = (
        "ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up\n"
        f"ip addr add {address}/{width} dev eth0 {without}\n{config_test(str(file))}\n"
    )
    done = subprocess.run(["unshare", "--net", "bash", "-uc", script], capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).replace("Terminated\n", "")  # bash says how it ended


@pytest.mark.parametrize("cluster", [two(lab_cluster()), two(ipv6_cluster())], ids=["ipv4", "ipv6"])
def test_keepalived_reads_its_configuration(cluster: Cluster, tmp_path: Path) -> None:
    """keepalived itself finds no fault with the file of either balancer, and one with an interface that is not there."""
    first = cluster.balancers[0]
    elsewhere = replace(first, facts=Facts(interface="eth7"))

    assert [read_by_keepalived(keepalived(cluster, node), node.address, tmp_path) for node in cluster.balancers] == [
        (0, "")
    ] * 2
    assert read_by_keepalived(keepalived(cluster, elsewhere), first.address, tmp_path)[0] != 0


def test_balancers_know_each_other(tmp_path: Path) -> None:
    """Each sends from its own address to the others', the first one is preferred, and nobody else is told."""
    cluster = two(lab_cluster())
    texts = [keepalived(cluster, node).split() for node in cluster.balancers]

    assert [text[text.index("unicast_src_ip") + 1] for text in texts] == ["10.30.0.10", "10.30.0.9"]
    assert [text[text.index("unicast_peer") + 2] for text in texts] == ["10.30.0.9", "10.30.0.10"]
    assert [text[text.index("priority") + 1] for text in texts] == ["150", "149"]


def test_the_question_is_whether_haproxy_takes_connections(tmp_path: Path) -> None:
    """The script says yes while somebody listens on the balancer's port, and no otherwise."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        script = tmp_path / "haproxy-accepts"
        script.write_text(probe(replace(two(lab_cluster()), balancer=Balancer("10.30.0.99", port, True))))
        before = subprocess.run(["bash", script], capture_output=True, check=False).returncode
        listener.listen()
        after = subprocess.run(["bash", script], capture_output=True, check=False).returncode

    assert (before == 0, after == 0) == (False, True)


def test_one_balancer_needs_no_keepalived() -> None:
    """Where the address is a machine's own, haproxy alone is installed."""
    cluster = lab_cluster()
    (packages,) = [
        s for s in LOAD_BALANCER.steps(cluster, cluster.balancers[0]) if isinstance(s, Packages | Directory | Wait)
    ]

    assert isinstance(packages, Packages)
    assert packages.names == ("haproxy",)


def test_the_interface_is_the_one_with_the_address() -> None:
    """Of all links the one that has the node's address counts, not one whose address begins alike."""
    node = machine("lb-1", "10.30.0.1", Role.LOAD_BALANCER)
    lines = [
        "fact os debian",
        "fact arch x86_64",
        "fact hostname lb-1",
        "fact resolved",
        "fact cpus 2",
        "fact memory 1",
    ]
    links = ["fact address 127.0.0.1/8 lo", "fact address 10.30.0.10/24 ens3", "fact address 10.30.0.1/24 ens4 aa:bb"]

    assert parse(node, collect([*lines, *links])).interface == "ens4"
    assert parse(node, collect(lines)).interface == ""
