"""Files and objects are kubeadm's, field by field, for both examples (design section 7, promise 2)."""

import pytest
from chapter_table import HEAD, table
from sides import EXAMPLES, ROOT, example, kubeadm, report

from hardway.config import loads
from hardway.model import CA_DIRECTORIES
from hardway.parity import documents, made
from hardway.parity.compare import compare
from hardway.parity.declared import DECLARED
from hardway.parity.normalise import describe
from hardway.parity.oracle import Oracle
from hardway.parity.report import CLUSTER
from hardway.steps.yaml import dump_all

pytestmark = pytest.mark.parity

LEAVES = (
    "apiserver",
    "apiserver-etcd-client",
    "apiserver-kubelet-client",
    "etcd/healthcheck-client",
    "etcd/peer",
    "etcd/server",
    "front-proxy-client",
)
MASTER = {
    "/etc/kubernetes/manifests",
    *(f"/etc/kubernetes/manifests/kube-{name}.yaml" for name in ("apiserver", "controller-manager", "scheduler")),
    *(f"/etc/kubernetes/{name}.conf" for name in ("admin", "controller-manager", "scheduler")),
    *(f"/etc/kubernetes/pki/{name}.{kind}" for name in LEAVES for kind in ("crt", "key")),
}
KUBELET = {"/var/lib/kubelet", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"}
MEMBER = {"/etc/kubernetes/manifests/etcd.yaml", "/var/lib/etcd"}
FIRST = {
    *MEMBER,
    "/etc/kubernetes",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/super-admin.conf",
    "/etc/kubernetes/pki",
    "/etc/kubernetes/pki/etcd",
    *(
        f"/etc/kubernetes/pki/{name}"
        for ca in ("ca", "front-proxy-ca", "etcd/ca", "sa")
        for name in ((f"{ca}.key", f"{ca}.pub") if ca == "sa" else (f"{ca}.key", f"{ca}.crt"))
    ),
}
OBJECTS = {
    *(f"ClusterRoleBinding kubeadm:{name}" for name in ("cluster-admins", "get-nodes", "kubelet-bootstrap")),
    *(f"ClusterRoleBinding kubeadm:node-autoapprove-{name}" for name in ("bootstrap", "certificate-rotation")),
    "ClusterRole kubeadm:get-nodes",
    "ConfigMap kube-public/cluster-info",
    *(f"ConfigMap kube-system/{name}" for name in ("kubeadm-config", "kubelet-config")),
    *(
        f"{kind} {name}"
        for kind in ("Role", "RoleBinding")
        for name in (
            "kube-public/kubeadm:bootstrap-signer-clusterinfo",
            "kube-system/kubeadm:kubeadm-certs",
            "kube-system/kubeadm:kubelet-config",
            "kube-system/kubeadm:nodes-kubeadm-config",
        )
    ),
    *(f"Secret kube-system/bootstrap-token-({purpose})" for purpose in ("to join", "that owns kubeadm-certs")),
    "Secret kube-system/kubeadm-certs",
    *(f"Node master-1.my-first-cluster.example.com {kind}" for kind in ("annotations", "labels", "taints")),
}
ADDONS = {
    *(f"ServiceAccount kube-system/{name}" for name in ("coredns", "kube-proxy")),
    *(f"ConfigMap kube-system/{name}" for name in ("coredns", "kube-proxy")),
    "ClusterRole system:coredns",
    "ClusterRoleBinding system:coredns",
    "ClusterRoleBinding kubeadm:node-proxier",
    "Role kube-system/kube-proxy",
    "RoleBinding kube-system/kube-proxy",
    "DaemonSet kube-system/kube-proxy",
    "Deployment kube-system/coredns",
    "Service kube-system/kube-dns",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_differs_but_what_is_declared(name: str) -> None:
    """Every field of every file and object is kubeadm's, but for the declared ones."""
    assert [str(difference) for difference in report(name).undeclared] == []


@pytest.mark.parametrize(("name", "objects"), [("lab", OBJECTS | ADDONS), ("my-first-cluster", OBJECTS)])
def test_everything_is_compared(name: str, objects: set[str]) -> None:
    """The comparison covers all that kubeadm makes; a file or object that nobody looks at could hide anything."""
    compared: dict[str, set[str]] = {}
    for row in report(name).rows:
        assert row.fields > 0, row
        compared.setdefault(row.node, set()).add(row.item)

    assert compared == {
        "master-1": FIRST | MASTER | KUBELET,
        "master-2": MASTER | MEMBER | KUBELET,
        "master-3": MASTER | MEMBER | KUBELET,
        "worker-1": KUBELET,
        CLUSTER: objects,
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_item_belongs_to_a_chapter(name: str) -> None:
    """The table of chapters and items has no line without a chapter."""
    assert [row.item for row in report(name).rows if not row.chapter] == []


def test_the_facts_of_the_node_decide_as_for_kubeadm() -> None:
    """systemd-resolved, CA directories, flags and taints of the inventory change our files as they change kubeadm's."""
    given = documents.read(example("lab").read_text())
    first = next(value for value in given if value["kind"] == "Inventory")["nodes"][0]
    first["facts"] = {"resolved": True, "caDirectories": list(CA_DIRECTORIES)}
    first["kubeletExtraArgs"], first["taints"] = {"max-pods": "50", "v": "2"}, []
    cluster = loads(dump_all(given), folder=example("lab").parent)
    folders = (cluster.paths.kubernetes, cluster.paths.kubelet)
    ours, theirs = made.init(cluster), Oracle(kubeadm("lab"), given, cluster).init()
    described = [describe(side.tree, side.around, {}, folders) for side in (ours, theirs)]

    assert compare(*described) == ()
    assert described[0]["/var/lib/kubelet/config.yaml"]["resolvConf"] == '"/run/systemd/resolve/resolv.conf"'
    assert "spec.volumes[etc-pki].hostPath.path" in described[0]["/etc/kubernetes/manifests/kube-apiserver.yaml"]
    assert described[0]["/var/lib/kubelet/kubeadm-flags.env"]["KUBELET_KUBEADM_ARGS.flags.max-pods"] == "50"


def test_the_documentation_lists_what_is_declared() -> None:
    """docs/parity.md shows every kept difference with its reason, and no other."""
    lines = (ROOT / "docs/parity.md").read_text().split("## Differences that are kept")[1].splitlines()

    assert [line for line in lines if line.startswith("| `")] == [
        f"| `{one.item}` | `{one.field}` | {one.reason} |" for one in DECLARED
    ]


def test_the_readme_shows_what_was_compared(request: pytest.FixtureRequest) -> None:
    """Its table of chapters is that of the lab's example; with --golden it is written anew."""
    file, made = ROOT / "README.md", table(report("lab"))
    before, head, rest = file.read_text().partition(HEAD[0])
    shown, end, after = (head + rest).partition("\n\n")
    if request.config.getoption("--golden"):
        file.write_text(before + "\n".join(made) + end + after)

    assert shown.splitlines() == made
