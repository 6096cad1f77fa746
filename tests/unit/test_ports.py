"""The table of ports: what the flags say is what it says, and what is asked of a machine that listens or does not."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType

import pytest
from clusters import ipv6_cluster, lab_cluster, minimal_cluster

from hardway.chapters.control_plane import CONTROL_PLANE
from hardway.chapters.etcd import ETCD
from hardway.chapters.ports import PORTS, free, listening, reaching, routes
from hardway.chapters.preflight_table import questions
from hardway.chapters.readiness import READINESS
from hardway.model import Cluster, Component, Endpoint, EtcdLocal, Node, Role, freeze_document
from hardway.model.dns import records
from hardway.model.ports import Port, clients, ports
from hardway.steps import Check, Severity, StaticPod

LAB = lab_cluster()


def ask(check: Check) -> tuple[int, str]:
    """A check as the engine asks it."""
    done = subprocess.run(
        ["bash", "-c", "set -u\n" + check.script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=30,
    )
    return done.returncode, done.stdout.strip()


@contextmanager
def listener(address: str) -> Iterator[int]:
    """A port on which somebody listens."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        yield server.getsockname()[1]


def rows(cluster: Cluster, host_name: str) -> dict[str, str]:
    return {str(row): row.reachable_from for row in ports(cluster, cluster.node(host_name))}


def test_the_table_by_role() -> None:
    """A master, a worker and a balancer of a cluster with defaults."""
    kubelet = {
        "10250": "control-plane",
        "10248": "localhost",
        "10256": "load balancers of Services",
        "10249": "localhost",
        "30000-32767": "users of such Services",
    }

    assert rows(LAB, "worker-1") == kubelet
    assert rows(LAB, "lb-1") == {"6443": "control-plane, worker, users of the API"}
    assert rows(LAB, "master-2") == {
        "6443": "control-plane, worker, load-balancer, users of the API",
        "2379": "control-plane",
        "2380": "control-plane",
        "2381": "localhost",
        "10257": "localhost",
        "10259": "localhost",
        **kubelet,
    }


def test_flags_and_documents_move_ports() -> None:
    """What is opened or moved by configuration is opened or moved in the table."""
    opened = Component(extra_args=(("bind-address", "0.0.0.0"), ("secure-port", "11257")))
    cluster = replace(
        LAB,
        controller_manager=opened,
        scheduler=Component(extra_args=(("bind-address", "::1"), ("secure-port", "nonsense"))),
        api_server=Component(extra_args=(("service-node-port-range", "20000-20100"),)),
        etcd=EtcdLocal(extra_args=(("listen-metrics-urls", "http://127.0.0.1:2381,http://10.30.0.11:2399"),)),
        kubelet_configuration=freeze_document({"port": 11250, "healthzPort": 0, "readOnlyPort": 10255}),
        skip_phases=("addon/kube-proxy",),
    )

    assert rows(cluster, "master-1") == {
        "6443": "control-plane, worker, load-balancer, users of the API",
        "2379": "control-plane",
        "2380": "control-plane",
        "2381": "localhost",
        "2399": "who collects metrics",
        "11257": "who collects metrics",
        "10259": "localhost",
        "11250": "control-plane",
        "10255": "who collects metrics",
        "20000-20100": "users of such Services",
    }


def test_the_proxys_addresses_count() -> None:
    """An address without a port keeps the default port; an open one is told."""
    document = freeze_document({"healthzBindAddress": "127.0.0.1", "metricsBindAddress": "[::]:9999"})
    found = rows(replace(LAB, kube_proxy_configuration=document), "worker-1")

    assert (found["10256"], found["9999"]) == ("localhost", "who collects metrics")


@pytest.mark.parametrize("cluster", [LAB, ipv6_cluster()], ids=["ipv4", "ipv6"])
def test_the_table_agrees_with_the_manifests(cluster: Cluster) -> None:
    """Every port that a static pod of kubeadm's is told to open is a row, and localhost where its flag says so."""
    node = cluster.node("master-1")
    text = "".join(
        str(step.manifest) for step in CONTROL_PLANE.steps(cluster, node) if isinstance(step, StaticPod)
    ) + "".join(str(step) for step in ETCD.steps(cluster, node))
    for row in ports(cluster, node):
        if row.component in ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler"):
            assert f"{row.number}" in text, row


def test_who_dials_whom() -> None:
    """Masters dial all members of etcd and all kubelets, workers the API servers and the balancer, it the masters."""

    def dialled(host_name: str) -> dict[str, list[str]]:
        found = routes(LAB, LAB.node(host_name))
        return {f"{port.component} {port}": [node.host_name for node in nodes] for port, nodes in found}

    masters = ["master-1", "master-2", "master-3"]
    assert dialled("lb-1") == {"kube-apiserver 6443": masters}
    assert dialled("worker-1") == {"kube-apiserver 6443": masters, "load balancer 6443": ["lb-1"]}
    assert dialled("master-1") == {
        "kube-apiserver 6443": masters[1:],
        "etcd 2379": masters[1:],
        "etcd 2380": masters[1:],
        "kubelet 10250": [*masters[1:], "worker-1"],
        "load balancer 6443": ["lb-1"],
    }


def test_a_lone_master_dials_nobody() -> None:
    """There is nobody else; so nothing is asked but its own ports."""
    cluster = minimal_cluster()

    assert list(routes(cluster, cluster.nodes[0])) == []
    assert all(clients(cluster, row, cluster.nodes[0]) == () for row in ports(cluster, cluster.nodes[0]))


def test_a_balancer_on_a_master_has_one_row_for_a_port() -> None:
    """Two components cannot share a port; the table has one row for it."""
    both = replace(LAB.nodes[0], roles=frozenset({Role.CONTROL_PLANE, Role.LOAD_BALANCER}))
    numbers = [row.number for row in ports(replace(LAB, nodes=(both, *LAB.nodes[1:4])), both)]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("address", "is_local", "said"),
    [
        ("127.0.0.1", True, ""),
        ("::1", True, ""),
        ("127.0.0.1", False, "it listens on 127.0.0.1:PORT , where nobody else reaches it"),
        ("0.0.0.0", True, "it listens on 0.0.0.0:PORT, where others reach it"),
        ("0.0.0.0", False, ""),
        ("::", True, "it listens on [::]:PORT, where others reach it"),
    ],
)
def test_who_listens_where(address: str, is_local: bool, said: str) -> None:
    """A real listener: localhost and the network are told apart."""
    with listener(address) as number:
        answer = ask(listening(Port(number, "it", "a test", is_local=is_local)))
        said = said.replace("PORT", str(number)).replace("[::]", "*" if "*:" in answer[1] else "[::]")

    assert answer == (1 if said else 0, said)
    assert ask(listening(Port(number, "it", "a test", is_local=is_local))) == (1, "nobody listens")


def test_one_open_listener_beside_loopback_is_found() -> None:
    """Of several listeners the one that is open counts, for better or for worse."""
    with ExitStack() as stack:
        number = stack.enter_context(listener("127.0.0.1"))
        stack.enter_context(socket.create_server(("127.0.0.9", number)))
        assert ask(listening(Port(number, "it", "a test", is_local=True))) == (0, "")
        server = stack.enter_context(socket.socket(socket.AF_INET6))
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind(("::", number))
        server.listen()

        assert ask(listening(Port(number, "it", "a test", is_local=False))) == (0, "")
        assert ask(listening(Port(number, "it", "a test", is_local=True)))[0] == 1


def test_what_cannot_be_reached_is_named() -> None:
    """Of several machines those that refuse are named, in one line; when all answer there is nothing to say."""

    def at(address: str) -> Node:
        return replace(LAB.nodes[0], address=address)

    with listener("127.0.0.1") as number:
        port = Port(number, "it", "a test")
        assert ask(reaching(port, [at("127.0.0.1")])) == (0, "")
        assert ask(reaching(port, [at("127.0.0.1"), at("127.0.0.9"), at("127.0.0.8")])) == (
            1,
            "no connection to 127.0.0.8 (refused) 127.0.0.9 (refused)",
        )
    with listener("::1") as number:
        assert ask(reaching(Port(number, "it", "a test"), [at("::1")])) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own and a packet filter need root")
def test_a_firewall_that_drops_is_told_from_nobody_listening() -> None:
    """A dropped packet is `no answer`, after the limit and not later."""
    targets = [replace(LAB.nodes[0], address="127.0.0.1"), replace(LAB.nodes[0], address="127.0.0.2")]
    script = reaching(Port(2379, "etcd", "clients"), targets).script
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", "ip link set lo up; iptables -A INPUT -d 127.0.0.2 -j DROP\n" + script],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=10,
    )

    assert done.stdout == "no connection to 127.0.0.1 (refused) 127.0.0.2 (no answer) \n"


def test_a_taken_port_of_the_table_warns() -> None:
    """kubeadm's ports are errors, as there; what else the table has is a warning before the installation."""
    graded = {c.key: c.severity for c in questions(LAB, LAB.nodes[0]) if c.key.startswith("Port-")}
    errors = {key for key, severity in graded.items() if severity is Severity.ERROR}

    assert errors == {f"Port-{n}" for n in (6443, 10259, 10257, 2379, 2380, 10250)}
    assert set(graded) - errors == {f"Port-{n}" for n in (2381, 10248, 10249, 10256)}
    with listener("127.0.0.1") as number:
        assert ask(free(number)) == (1, "it is in use")
    assert ask(free(number)) == (0, "")


def test_firewalld_is_given_the_whole_table() -> None:
    """The cure opens every port that others must reach, and none that is for localhost."""
    (check,) = [c for c in questions(LAB, LAB.nodes[0]) if c.key == "Firewalld"]

    assert "--add-port=6443/tcp --add-port=2379/tcp --add-port=2380/tcp --add-port=10250/tcp" in check.hint
    assert "--add-port=30000-32767/tcp" in check.hint
    assert "10257" not in check.hint


def test_all_nodes_are_asked_in_the_end() -> None:
    """Each node has its own questions, and a balancer as well; each is asked once."""
    for cluster in (LAB, ipv6_cluster(), replace(LAB, skip_phases=("addon",), files=MappingProxyType({}))):
        for node in cluster.nodes:
            asked = list(PORTS.checks(cluster, node))

            assert len({check.name for check in asked}) == len(asked) > 0


def test_an_endpoint_that_is_an_address_has_no_record() -> None:
    """A name needs a record; an address does not, of either family."""
    for address in ("10.30.0.10", "fd00::10"):
        cluster = replace(LAB, endpoint=Endpoint(address))

        assert [record.name for record in records(cluster)] == [node.name for node in LAB.nodes]
        assert [check.key or check.name for check in READINESS.checks(cluster, LAB.nodes[0])][:2] == [
            "the machine to own the address 10.30.0.11",
            "all names of `hardway render dns` to resolve to the inventory's addresses",
        ]
    assert records(LAB)[0].name == LAB.endpoint.host


def test_balancers_that_share_an_address_hear_each_other() -> None:
    """VRRP is a row for firewalls; nobody tries to connect to it, and firewalld is not told of a TCP port 112."""
    cluster = replace(LAB, balancer=replace(LAB.balancer, virtual=True))
    rows = {row.component: row for row in ports(cluster, LAB.node("lb-1"))}
    names = [check.name for node in cluster.nodes for check in PORTS.checks(cluster, node)]

    assert (rows["keepalived"].protocol, rows["keepalived"].reachable_from) == ("vrrp", "load-balancer")
    assert [name for name in names if "keepalived" in name] == []
    assert "keepalived" not in {row.component for row in ports(LAB, LAB.node("lb-1"))}
