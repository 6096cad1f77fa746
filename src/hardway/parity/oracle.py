"""What the real kubeadm makes of the same documents: its file phases, and the objects of its dry run.

kubeadm runs in a root of its own (`renderers.sandbox`): it sees the node's name and facts, no network, and never this
machine's /etc/kubernetes. `join` itself needs a cluster; a joining master's files come from the phases of `init`,
which are the same functions of kubeadm (`app/cmd/phases/join/controlplaneprepare.go`). What needs a running cluster is
asked by `parity.stored`: discovery, download-certs, TLS bootstrap, the members in a joining master's etcd manifest, what
is stored. It also proves what is taken from kubeadm's source here.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from hardway.chapters.proxy import exported
from hardway.model import Cluster, Node
from hardway.parity import documents
from hardway.parity.certificates import Surroundings, now
from hardway.parity.documents import Documents
from hardway.parity.dry_run import Action, parse
from hardway.renderers import sandbox
from hardway.renderers.files import Entry, Kind, Tree, contents, file

CONFIG = "/root/kubeadm.yaml"
_LOG = "/root/kubeadm.log"
_SOCKET = re.compile(r'\[patchnode\] Uploading the CRI [Ss]ocket (?:information )?"([^"]+)" to')

INIT_PHASES = ("certs all", "kubeconfig all", "etcd local", "control-plane all", "kubelet-start")
"""In the order of `kubeadm init`."""
JOIN_PHASES = (
    "certs all",
    "kubeconfig admin",
    "kubeconfig controller-manager",
    "kubeconfig scheduler",
    "control-plane all",
)
"""What `join phase control-plane-prepare` does, in its order."""
ETCD_PHASE = "etcd local"
"""Stands for `join phase control-plane-join etcd`, but for the members, which it asks of a running etcd."""
FINALIZE_PHASE = "kubelet-finalize all"
KUBELET_PHASE = "kubelet-start"
NOT_OF_THE_API = (
    "preflight",
    *(
        f"certs/{name}"
        for name in (
            "apiserver",
            "apiserver-kubelet-client",
            "front-proxy-client",
            "etcd-server",
            "etcd-peer",
            "etcd-healthcheck-client",
            "apiserver-etcd-client",
        )
    ),
    *(f"kubeconfig/{name}" for name in ("super-admin", "kubelet", "controller-manager", "scheduler")),
)
"""Left out of a dry run that is asked for objects only: its files are compared elsewhere, and keys take their time."""


@dataclass(frozen=True)
class Made:
    """The files of one node, and when they were made."""

    tree: Tree = field(repr=False)
    begun: datetime
    ended: datetime

    @property
    def around(self) -> Surroundings:
        """What each of the files is described by."""
        return Surroundings(contents(self.tree), self.begun, self.ended)


NOT_SHOWN = (
    Action(
        "CREATE",
        "clusterrolebindings",
        "",
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "kubeadm:cluster-admins"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kubeadm:cluster-admins"}
            ],
        },
    ),
)
"""What kubeadm does outside of its dry run, from its source: this one while it makes its first client
(`app/phases/kubeconfig/kubeconfig.go`, EnsureAdminClusterRoleBindingImpl)."""


@dataclass(frozen=True)
class Oracle:
    """The real kubeadm, for one cluster.yaml."""

    kubeadm: Path
    documents: Documents
    cluster: Cluster

    def init(self, start: Tree | None = None) -> Made:
        """The first master's files after `kubeadm init`, as far as they do not need a running kubelet.

        `start` are CAs that are there already.
        """
        node = self.cluster.first_control_plane
        return self.phases(node, documents.for_init(self.documents, node), INIT_PHASES, start)

    def finalize(self, start: Tree) -> Made:
        """The first master's files once its kubelet has stored its certificate."""
        node = self.cluster.first_control_plane
        return self.phases(node, documents.for_init(self.documents, node), (FINALIZE_PHASE,), start)

    def join_control_plane(self, node: Node, start: Tree, stored: Documents) -> Made:
        """A joining master's files; `start` are the CAs that it would have downloaded, `stored` what `init` has stored."""
        text = documents.as_joined(stored, node, self.cluster.release.features)
        return self.phases(node, text, (*JOIN_PHASES, KUBELET_PHASE, ETCD_PHASE), start)

    def join_worker(self, node: Node, start: Tree, stored: Documents) -> Made:
        """A worker's kubelet files; the CA is not among them, because `init` takes one without a key for external."""
        text = documents.as_joined(stored, node, self.cluster.release.features)
        return self.phases(node, text, (KUBELET_PHASE,), start)

    def actions(self) -> tuple[tuple[Action, ...], Made]:
        """What `kubeadm init` would do to the API, with --upload-certs where masters join, and the dry run's certificates.

        Its dry run makes CAs of its own: it reads those that are there, and then looks for them elsewhere.
        """
        node = self.cluster.first_control_plane
        skipped = ",".join((*NOT_OF_THE_API, *documents.skipped(self.documents)))
        start = {CONFIG: file(documents.for_init(self.documents, node), 0o600), **patch_files(node)}
        upload = "--upload-certs " if self.cluster.joining_control_planes else ""
        command = f"kubeadm -v 1 init --dry-run {upload}--config {CONFIG} --skip-phases {skipped}"
        script = f"{exported(self.cluster)}{command} 2>{_LOG} || {{ cat {_LOG} >&2; exit 1; }}\n"
        begun = now()
        done = sandbox.run(self._machine(node), script, start, what="kubeadm init --dry-run")
        log = done.tree[_LOG].content.decode()
        shown = [_annotated(action, log) if _is_unknown(action) else action for action in parse(done.output)]
        return (*NOT_SHOWN, *shown), Made(_dry_files(done.tree, self.cluster.paths.pki), begun, now())

    def _machine(self, node: Node) -> sandbox.Machine:
        return sandbox.machine(node, {"kubeadm": self.kubeadm})

    def phases(self, node: Node, text: str, phases: tuple[str, ...], start: Tree | None = None) -> Made:
        """What these phases of `init` make on the node from the documents in `text`."""
        script = exported(self.cluster) + "".join(
            f"kubeadm init phase {phase} --config {CONFIG}\n" for phase in phases
        )
        begun = now()
        done = sandbox.run(self._machine(node), script, {**(start or {}), CONFIG: file(text, 0o600)}, what="kubeadm")
        return Made(done.tree, begun, now())


def patch_files(node: Node) -> Tree:
    """What has to lie in the node's directory of patches before kubeadm comes."""
    return {
        **sandbox.with_parents(node.patches.directory or "/"),
        **{path: file(text.encode()) for path, text in node.patches.files},
    }


def _is_unknown(action: Action) -> bool:
    return action.value is None and (action.verb, action.resource) == ("PATCH", "nodes")


def _annotated(action: Action, log: str) -> Action:
    """The patch of `upload-config` that the dry run does not show, from its log (`app/phases/patchnode`, AnnotateCRISocket)."""
    found = _SOCKET.search(log)
    annotations = {"kubeadm.alpha.kubernetes.io/cri-socket": found[1]} if found else {}
    return replace(action, value={"metadata": {"annotations": annotations}})


def _dry_files(tree: Tree, pki: str) -> dict[str, Entry]:
    """The dry run's files at the places that they are meant for, certificates and keys only."""
    found = {}
    for path, entry in tree.items():
        rest = re.sub(r"^/etc/kubernetes/tmp/kubeadm-init-dryrun\d+/", "", path)
        if entry.kind is Kind.FILE and rest != path and rest.endswith((".crt", ".key", ".pub")):
            found[f"{pki}/{rest}"] = entry
    return found
