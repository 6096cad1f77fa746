"""What a node runs counts, not only the label that says what it is: people can remove that."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from clusters import lab_cluster

from hardway.model import EtcdExternal
from hardway.parity.live import left, members
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.renderers.files import file

CLUSTER = lab_cluster()
JUDGE = Judge(CLUSTER, Tools("inventory.yaml", ours=False), datetime(2026, 5, 1, tzinfo=UTC))
WORKER = CLUSTER.node("worker-1")
PKI, MANIFESTS = CLUSTER.paths.pki, CLUSTER.paths.manifests
KEYS = [
    f"{PKI}/{name}.key" for name in ("apiserver", "apiserver-etcd-client", "ca", "etcd/ca", "front-proxy-ca", "sa")
]
CONTROL_PLANE = [f"{MANIFESTS}/etcd.yaml", f"{MANIFESTS}/kube-apiserver.yaml"]


def seen(paths: Iterable[str]) -> SeenNode:
    """The worker with some files."""
    return SeenNode(WORKER.name, {path: file("", 0o600) for path in paths}, {}, {}, ())


@pytest.mark.parametrize("manifest", CONTROL_PLANE)
def test_keys_of_a_master_without_its_label_stay(manifest: str) -> None:
    """On a node with a manifest of the control plane they are where they belong; on any other they go."""
    there = list(left.files(CLUSTER, WORKER, seen([*KEYS, manifest]), ()))
    gone = list(left.files(CLUSTER, WORKER, seen(KEYS), ()))

    assert [f.cure for f in there if f.grade is Grade.ERROR or f.cure] == []
    assert [(f.grade, f.cure) for f in gone] == [(Grade.ERROR, f"rm {key}") for key in sorted(KEYS)]


def test_the_client_of_an_external_etcd_may_be_on_a_worker() -> None:
    """Members of somebody else's etcd may run there."""
    cluster = replace(CLUSTER, etcd=EtcdExternal(("https://192.0.2.1:2379",)))
    told = {f.item: f for f in left.files(cluster, WORKER, seen(KEYS), ())}

    assert {path for path, f in told.items() if f.grade is Grade.NOTE and not f.cure} == {
        f"{PKI}/apiserver-etcd-client.key",
        f"{PKI}/etcd/ca.key",
    }


def test_the_key_of_an_external_etcd_is_roots_alone() -> None:
    """The API server's own key for it is closed to groups as well, which other keys need not be."""
    path = "/etc/etcd/client.key"
    node = CLUSTER.first_control_plane
    there = SeenNode(node.name, {path: file("", 0o640)}, {}, {}, ())
    ours = replace(CLUSTER, etcd=EtcdExternal(("https://192.0.2.1:2379",), "/a", "/b", path))

    assert [(f.grade, f.cure) for f in left.files(ours, node, there, ())] == [(Grade.ERROR, f"chmod 600 {path}")]
    assert [(f.grade, f.cure) for f in left.files(CLUSTER, node, there, ())] == [(Grade.NOTE, "")]


def test_super_admin_of_a_master_without_its_label_stays() -> None:
    """It may be the only one."""
    path = f"{CLUSTER.paths.kubernetes}/super-admin.conf"

    def told(*paths: str) -> list[str]:
        return [f.cure for f in left.emergency(CLUSTER, {WORKER.name: seen([path, *paths])})]

    assert told() == [f"rm {path}"]
    assert told(CONTROL_PLANE[1]) == []


@pytest.mark.parametrize(
    ("name", "address", "node", "remove"),
    [
        (WORKER.name, WORKER.address, seen(CONTROL_PLANE), False),
        ("another name", WORKER.address, seen(CONTROL_PLANE[:1]), False),
        # Nobody has looked.
        (WORKER.name, WORKER.address, None, False),
        (WORKER.name, WORKER.address, seen([]), True),
        ("gone", "192.0.2.9", seen(CONTROL_PLANE), True),
    ],
)
def test_a_member_that_may_be_healthy_stays(name: str, address: str, node: SeenNode | None, remove: bool) -> None:
    """`member remove` takes a voter for good: it is told where no node has the member."""
    masters = [
        {"ID": str(number), "name": master.name, "peerURLs": [f"https://{master.address}:2380"]}
        for number, master in enumerate(CLUSTER.control_planes)
    ]
    other = {"ID": "255", "name": name, "peerURLs": [f"https://{address}:2380"]}
    api = SeenCluster({}, (), members=(*masters, other))
    (told,) = members.members(JUDGE, {WORKER.name: node} if node else {}, api)

    assert told.cure.endswith(" member remove ff") is remove
    assert (told.grade, bool(told.cure)) == ((Grade.ERROR, True) if remove else (Grade.WARNING, False))


def test_a_master_whose_member_has_another_name_keeps_it() -> None:
    """Told as a master without its member; what runs there is not removed."""
    first, *others = CLUSTER.control_planes
    listed = [
        {"ID": str(number), "name": master.name, "peerURLs": [f"https://{master.address}:2380"]}
        for number, master in enumerate(others)
    ]
    own = {"ID": "255", "name": "default", "peerURLs": [f"https://{first.address}:2380"]}
    api = SeenCluster({}, (), members=(*listed, own))
    read = {first.name: replace(seen(CONTROL_PLANE), name=first.name)}

    assert not any("remove" in f.cure for f in members.members(JUDGE, read, api))


@pytest.mark.parametrize(
    ("outside", "cure"),
    [
        (frozenset[str](), f"hardway apply -f c.yaml --only etcd --node {CLUSTER.first_control_plane.host_name}"),
        (frozenset({CLUSTER.first_control_plane.name}), ""),
    ],
)
def test_hardway_mends_the_members_of_its_file(outside: frozenset[str], cure: str) -> None:
    """A manifest that does not list its own member: of a master that the file does not name `apply` knows nothing."""
    first = CLUSTER.first_control_plane
    listed = tuple(
        {"ID": str(number), "name": master.name, "peerURLs": [f"https://{master.address}:2380"]}
        for number, master in enumerate(CLUSTER.control_planes)
    )
    manifest = file("    - --initial-cluster=other=https://192.0.2.9:2380\n", 0o600)
    read = {first.name: SeenNode(first.name, {f"{MANIFESTS}/etcd.yaml": manifest}, {}, {}, ())}
    judge = replace(JUDGE, tools=Tools("c.yaml", ours=True, outside=outside))

    assert [f.cure for f in members.members(judge, read, SeenCluster({}, (), members=listed))] == [cure]
