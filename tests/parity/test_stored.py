"""What kubeadm's own commands leave in a living cluster and on its nodes, and what ours leave: all of it is the same.

`make test` asks the default version, with IPv6 and with an external etcd as well; `make test-full` two IP families in
one cluster, and every other minor.
"""

import posixpath
import re
from dataclasses import replace

import pytest
from living import LONG, Living, living

from hardway.chapters.joining_ca import path_of_copy
from hardway.model import Cluster, Endpoint, Node
from hardway.parity import documents, objects, shared
from hardway.parity.compare import ABSENT, compare
from hardway.parity.normalise import describe
from hardway.parity.oracle import NOT_SHOWN, Made, patch_files
from hardway.parity.report import without_members
from hardway.parity.sealed import ITEM
from hardway.parity.stored.report import compare_sides, files_in_words
from hardway.parity.stored.sides import BOOTSTRAP, END_MOMENT, INIT_MOMENT, JOIN_MOMENT
from hardway.parity.stored.words import JWS, described
from hardway.renderers.files import Tree, contents
from hardway.versions import DEFAULT

pytestmark = pytest.mark.parity

STACKED = (
    pytest.param((DEFAULT,), id=DEFAULT),
    pytest.param((DEFAULT, "IPv6"), id="IPv6"),
    pytest.param((DEFAULT, "dual"), id="dual", marks=pytest.mark.long),
    *(pytest.param((version,), id=version, marks=pytest.mark.long) for version in LONG),
)
"""Arguments of `living`."""
EXTERNAL = pytest.param((DEFAULT, "IPv4", "external"), id="external")
CLUSTERS = (*STACKED, EXTERNAL)
ETC, PKI, KUBELET = "/etc/kubernetes", "/etc/kubernetes/pki", "/var/lib/kubelet"
FOLDERS = (ETC, KUBELET, "/var/lib/etcd")
BINDING = "ClusterRoleBinding kubeadm:cluster-admins"
INFO = "ConfigMap kube-public/cluster-info"
TO_JOIN = "Secret kube-system/bootstrap-token-(to join)"
WHILE_JOINING = f"{ETC}/(while it joins)/{BOOTSTRAP}"
OF_OTHERS = {f"{PKI}/etcd", f"{PKI}/etcd/ca.crt", *(f"{PKI}/apiserver-etcd-client.{end}" for end in ("crt", "key"))}
PEMS = {f"{KUBELET}/pki", f"{KUBELET}/pki/kubelet-client-(time).pem", f"{KUBELET}/pki/kubelet-client-current.pem"}


@pytest.fixture(params=CLUSTERS)
def both(request: pytest.FixtureRequest) -> Living:
    """The cluster, made by both."""
    return living(*request.param)


def test_nothing_differs_but_what_is_declared(both: Living) -> None:
    """Every file of every node after `init` and `join`, and every object and key that is stored after each of them."""
    report = compare_sides(both.cluster, both.ours, both.kubeadm)
    chapters = {row.chapter for row in report.rows}

    assert [str(difference) for difference in report.undeclared] == []
    assert [row.item for row in report.rows if not row.chapter] == []
    assert chapters >= {INIT_MOMENT, JOIN_MOMENT, "control-plane", "kubelet-start"}
    assert ("control-plane-join/etcd" in chapters) is bool(both.cluster.etcd_members)
    assert len(report.rows) > 500


def test_the_ca_is_where_kubeadm_puts_it_and_where_the_kubelet_looks() -> None:
    """With a certificatesDir and a caCertPath: kubeadm's worker has it at the one place, ours at both; masters always."""
    both = living(DEFAULT, "IPv6")
    cluster, paths = both.cluster, both.cluster.paths
    ca = both.ours.files[cluster.first_control_plane.name].tree[f"{paths.pki}/ca.crt"]
    report = compare_sides(cluster, both.ours, both.kubeadm)
    (worker,), (_, joining) = cluster.workers, cluster.control_planes

    for node in (worker, joining):
        for path in (paths.joining_ca, f"{paths.pki}/ca.crt"):
            assert both.ours.files[node.name].tree[path] == ca
    assert paths.joining_ca in both.kubeadm.files[joining.name].tree
    assert {(row.node, difference.item) for row in report.rows for difference in row.differences
            if (difference.ours, difference.kubeadm) == ("present", ABSENT) and difference.item.startswith("/")} == {
        (worker.host_name, paths.pki), (worker.host_name, f"{paths.pki}/ca.crt")
    }  # fmt: skip


def test_what_stands_for_the_dry_run_is_what_is_stored(both: Living) -> None:
    """What the oracle without a cluster takes from kubeadm's source: a binding, an annotation, the sealed files."""
    stored, node = both.kubeadm.stored[INIT_MOMENT], both.cluster.first_control_plane
    theirs = described(stored)
    (binding,) = NOT_SHOWN
    annotation = "metadata.annotations.kubeadm.alpha.kubernetes.io/cri-socket"
    local = both.cluster.release.features.node_local_cri_socket
    sealed = {field: value for field, value in theirs[ITEM].items() if field.startswith("data.")}

    assert theirs[BINDING] == objects.object_fields(binding.value, stored.around)
    assert theirs[f"Node {node.name}"].get(annotation) == (None if local else f'"{node.registration.cri_socket}"')
    assert sealed == {f"data.{key}": f"content of {path}" for key, path in shared.transferred(both.cluster).items()}


def test_every_token_has_signed_cluster_info(both: Living) -> None:
    """The signatures of both sides are those that the tokens make; kubeadm's one token joins all, ours one each."""
    for side in (both.ours, both.kubeadm):
        found = described(side.stored[INIT_MOMENT])

        assert found[INFO][f"data.{JWS}(a token)"] == "signed by it"
        assert [field for field in found[INFO] if JWS in field] == [f"data.{JWS}(a token)"]
        assert TO_JOIN in found
        assert f"{TO_JOIN} (2)" not in found


def test_phases_of_init_stand_for_join(both: Living) -> None:
    """The files that `hardway parity` gets from phases of `init` are those of the real `init` and `join`."""
    first, cluster = both.cluster.first_control_plane, both.cluster
    stored = documents.stored(both.documents, both.kubeadm.stored[INIT_MOMENT].objects)
    master, (worker,) = cluster.joining_control_planes[0], cluster.workers
    tree = both.kubeadm.files[first.name].tree
    own, known = of_all_masters(cluster, tree), shared.downloaded(cluster, contents(tree))
    here = {f"{ETC}/kubelet.conf", WHILE_JOINING, *PEMS, *of_the_copy(cluster)}

    own, known = {**own, **patch_files(first)}, {**known, **patch_files(master)}

    assert beside(both, first, both.oracle.init(own), own) == PEMS
    assert beside(both, master, both.oracle.join_control_plane(master, known, stored), known) == here
    of_a_worker = both.oracle.join_worker(worker, patch_files(worker), stored)
    assert beside(both, worker, of_a_worker, {}) == here | {
        ETC, posixpath.dirname(cluster.paths.joining_ca), cluster.paths.joining_ca
    }  # fmt: skip


def of_the_copy(cluster: Cluster) -> set[str]:
    """What the CA at caCertPath adds to a joining node."""
    copy = path_of_copy(cluster)
    return {posixpath.dirname(copy), copy} if copy else set()


def of_all_masters(cluster: Cluster, tree: Tree) -> Tree:
    """What masters share, with its directories, as the first one has it."""
    names = {*shared.transferred(cluster).values(), ETC, cluster.paths.pki, f"{cluster.paths.pki}/etcd"}
    return {path: entry for path, entry in tree.items() if path in names}


def beside(both: Living, node: Node, phases: Made, given: Tree) -> set[str]:
    """What the real command has made besides; what phases have made is the same, but for a kubelet.conf that rotates."""
    features = both.cluster.release.features
    around = replace(phases.around, leaves_begin_with_ca=features.leaves_begin_with_ca)
    alone = describe(phases.tree, around, given, FOLDERS)
    known = {path for path, entry in both.kubeadm.files[node.name].tree.items() if given.get(path) == entry}
    words = files_in_words(both.cluster, node, both.kubeadm)
    whole = {path: fields for path, fields in words.items() if path not in known}
    rotated = {f"{ETC}/kubelet.conf"} if node == both.cluster.first_control_plane else set()

    if node in both.cluster.joining_control_planes:
        whole, alone = without_members(both.cluster, whole), without_members(both.cluster, alone)

    assert len(alone) > 2
    assert [
        str(difference)
        for difference in compare(whole, alone)
        if difference.item in alone and difference.item not in rotated
    ] == []
    return whole.keys() - alone.keys()


@pytest.mark.parametrize("arguments", STACKED)
def test_a_joined_member_knows_the_others(arguments: tuple[str, ...]) -> None:
    """The manifest of etcd on the second master names both members, in an order by lot, and an existing cluster."""
    both = living(*arguments)
    first, second = both.cluster.control_planes
    members = {f"{node.name}={Endpoint(node.address, 2380).url}" for node in (first, second)}
    for side in (both.ours, both.kubeadm):
        text = side.files[second.name].tree[f"{ETC}/manifests/etcd.yaml"].content.decode()

        named = re.search(r"--initial-cluster=(\S+)\n", text)

        assert named
        assert set(named[1].split(",")) == members
        assert "--initial-cluster-state=existing\n" in text


def test_an_external_etcd_is_brought_to_no_master_but_the_first() -> None:
    """The second master gets its files out of kubeadm-certs, and nobody makes a member or a file for one."""
    both = living(*EXTERNAL.values[0])
    for side in (both.ours, both.kubeadm):
        first, second, _ = (side.files[node.name].tree for node in both.cluster.kubernetes_nodes)
        sealed = described(side.stored[INIT_MOMENT])[ITEM]

        for path in both.cluster.etcd.files:
            assert first[path].content == second[path].content
            assert f"content of {path}" in sealed.values()
        assert not [path for path in first.keys() | second.keys() if "etcd" in path and path not in OF_OTHERS]


def test_only_tokens_go_at_the_end(both: Living) -> None:
    """When all have joined our tokens and their signatures are gone, and nothing else has changed."""
    before, after = (described(both.ours.stored[moment]) for moment in (JOIN_MOMENT, END_MOMENT))
    changed = {(difference.item, difference.field) for difference in compare(after, before)}

    assert changed == {(TO_JOIN, "item"), (INFO, f"data.{JWS}(a token)")}


def test_the_taints_of_a_worker_come_with_its_kubelet(both: Living) -> None:
    """kubeadm hands them to the kubelet as a flag, and so do we; the Node is registered with them."""
    (worker,) = both.cluster.workers
    for side in (both.ours, both.kubeadm):
        text = side.files[worker.name].tree[f"{KUBELET}/kubeadm-flags.env"].content.decode()

        assert "--register-with-taints=dedicated=batch:NoSchedule,slow:PreferNoSchedule" in text
        assert described(side.stored[JOIN_MOMENT])[f"Node {worker.name}"]["spec.taints[0].key"] == '"dedicated"'
