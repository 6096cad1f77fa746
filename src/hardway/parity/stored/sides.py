"""One cluster made twice, by kubeadm and by our chapters, with real servers, on machines of the same names and addresses.

Both start from nothing but names in /etc/hosts. kubeadm runs whole (`init`, then `join` on each node, preflight left
out), ours is the text of the workflows' stages in their order. Only containers are missing: see `stand_in`.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardway.engine.inputs import mint
from hardway.model import Cluster, Endpoint, EtcdExternal, Node
from hardway.parity import documents
from hardway.parity.certificates import now
from hardway.parity.documents import Documents
from hardway.parity.oracle import CONFIG, Made, patch_files
from hardway.parity.report import folders_of
from hardway.parity.stored import dump, outside, units
from hardway.parity.stored.dump import Stored
from hardway.parity.stored.machines import Living, network
from hardway.renderers import sandbox, tree
from hardway.renderers.files import Entry, Kind, Tree, file
from hardway.steps.shell import INPUTS, input_file
from hardway.workflows.init import INIT
from hardway.workflows.inputs import question
from hardway.workflows.join import FINISH, JOIN, WORKER
from hardway.workflows.stage import Stage

PROGRAMS = (
    *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"),
    *("etcd", "etcdctl"),
)
"""Binaries of the release that both sides need; kubeadm's side needs kubeadm, too."""
INIT_MOMENT, JOIN_MOMENT, END_MOMENT = "after init", "after join", "at the end"
UNASKED = (
    # All nodes have to have joined, or this one.
    *("bootstrap-token/tokens", "kubelet-start/bootstrap-kubeconfig"),
    # For a CA that was brought; none is.
    "discovery/handed-over",
    # The manifest of the next step answers.
    "control-plane-join/etcd/member",
)
"""Steps whose guards are not content at once."""
OF_THE_KUBELET = ("/var/lib/kubelet/pki/kubelet.crt", "/var/lib/kubelet/pki/kubelet.key")
"""Its self-signed serving certificate, with the time in its names: neither side has a hand in it."""
WHILE_JOINING = "(while it joins)"
"""Stands for a directory of what is gone at the end."""
BOOTSTRAP = "bootstrap-kubelet.conf"


@dataclass(frozen=True)
class Side:
    """What one of the two has made."""

    files: Mapping[str, Made]
    """Name of a node to its files, those among them that live only while it joins."""
    stored: Mapping[str, Stored]
    """Moment to everything in the cluster."""
    outside: Tree = field(repr=False)
    """What the first master was given."""


@dataclass(frozen=True)
class Maker:
    """How one side does it."""

    programs: Mapping[str, Path]
    outside: Tree = field(repr=False)
    """What the first master is given to reach an external etcd, and that etcd to serve."""
    certificate_key: str = field(repr=False)
    tokens: tuple[str, ...] = field(repr=False)
    init: Callable[[Living], None]
    join: Callable[[Node, Living, str], None]
    """Node, its machine, pin of the CA."""
    finish: Callable[[Living], None] | None = None


def by_kubeadm(cluster: Cluster, given: Documents, programs: Mapping[str, Path], files: Tree) -> Side:
    """kubeadm's own commands with these documents. StepFailed with kubeadm's words when one fails."""
    key, token = secrets.token_hex(32), mint("token")

    def init(machine: Living) -> None:
        text = documents.for_init(
            given, cluster.first_control_plane, certificateKey=key, bootstrapTokens=[{"token": token}]
        )
        quiet = "--skip-token-print --skip-certificate-key-print"
        _kubeadm(machine, f"init --upload-certs {quiet}", text)

    def join(node: Node, machine: Living, pin: str) -> None:
        found = {"token": token, "apiServerEndpoint": cluster.endpoint.url.removeprefix("https://")}
        discovery = {"bootstrapToken": {**found, "caCertHashes": [pin]}}
        _kubeadm(machine, "join", documents.for_join(given, node, discovery, key))

    return _made(cluster, Maker(programs, files, key, (token,), init, join))


def _kubeadm(machine: Living, command: str, text: str) -> None:
    machine.put({CONFIG: file(text, 0o600)})
    machine.run(f"kubeadm {command} --config {CONFIG} --skip-phases preflight\nrm {CONFIG}\n", f"kubeadm {command}")


def by_chapters(cluster: Cluster, programs: Mapping[str, Path], files: Tree) -> Side:
    """Our workflows, stage after stage, with the run inputs that the engine would lay down."""
    key = secrets.token_hex(32)
    tokens = {node.name: mint("token") for node in cluster.kubernetes_nodes if node != cluster.first_control_plane}

    def init(machine: Living) -> None:
        inputs = {f"token/{name}": token for name, token in tokens.items()}
        _stages(cluster, cluster.first_control_plane, machine, INIT, {**inputs, "certificate-key": key})

    def join(node: Node, machine: Living, pin: str) -> None:
        own = {f"token/{node.name}": tokens[node.name], "ca-pin": pin}
        inputs = {**own, "certificate-key": key} if node.is_control_plane else own
        _stages(cluster, node, machine, (*JOIN, *WORKER), inputs)

    def finish(machine: Living) -> None:
        _stages(cluster, cluster.first_control_plane, machine, FINISH, {})

    return _made(cluster, Maker(programs, files, key, tuple(tokens.values()), init, join, finish))


def _stages(
    cluster: Cluster, node: Node, machine: Living, stages: Iterable[Stage], inputs: Mapping[str, str]
) -> None:
    laid = {input_file(name): file(f"{value}\n", 0o600) for name, value in inputs.items()}
    machine.put({INPUTS: Entry(Kind.DIRECTORY, 0o700), **laid} if laid else {})
    for stage in stages:
        if node in stage.on(cluster):
            text = "".join(tree.script(stage.chapter.steps(cluster, node), unasked=UNASKED))
            machine.run(text, stage.chapter.name)


def _made(cluster: Cluster, maker: Maker) -> Side:
    """The cluster from first to last."""
    files: dict[str, Made] = {}
    stored: dict[str, Stored] = {}
    nodes, first = cluster.kubernetes_nodes, cluster.first_control_plane
    begun = now()
    with network() as net:
        if isinstance(cluster.etcd, EtcdExternal):
            outside.start(net, cluster.etcd, maker.programs, maker.outside)
        up = {node.name: net.add(_machine(node, maker), node.address, _start(cluster, node)) for node in nodes}
        master = up[first.name]
        master.put(maker.outside)

        def moment() -> Stored:
            # Whoever signs cluster-info takes his time.
            dump.signed(master, cluster, maker.tokens)
            whole = replace(files[first.name], begun=begun, ended=now())
            return dump.dump(master, cluster, whole.around, maker.certificate_key)

        pin = ""
        for node in (first, *(other for other in nodes if other != first)):
            started = now()
            if node == first:
                maker.init(master)
                pin = master.run(question(cluster, "ca-pin"), "pin of the CA").decode().strip()
            else:
                maker.join(node, up[node.name], pin)
            files[node.name] = Made(_tree(cluster, up[node.name]), started, now())
            if node == first:
                stored[INIT_MOMENT] = moment()
        for node in cluster.joining_control_planes:
            dump.serves(master, cluster, Endpoint(node.address, node.bind_port))
        stored[JOIN_MOMENT] = moment()
        if maker.finish:
            maker.finish(master)
            stored[END_MOMENT] = dump.dump(master, cluster, stored[JOIN_MOMENT].around, maker.certificate_key)
    return Side(files, stored, maker.outside)


def _machine(node: Node, maker: Maker) -> sandbox.Machine:
    return sandbox.machine(node, maker.programs, units.scripts())


def _start(cluster: Cluster, node: Node) -> Tree:
    """Names that lead to an address, the endpoint to the first master; the user's patches; and where kubelets look for cgroups."""
    lines = ["127.0.0.1 localhost", f"{cluster.first_control_plane.address} {cluster.endpoint.host}"]
    lines += [f"{node.address} {node.name}" for node in cluster.kubernetes_nodes]
    folders = dict.fromkeys(("/sys", "/sys/fs", "/sys/fs/cgroup"), Entry(Kind.DIRECTORY, 0o555))
    return {"/etc/hosts": file("".join(f"{line}\n" for line in lines)), **folders, **patch_files(node)}


def _tree(cluster: Cluster, machine: Living) -> Tree:
    """What kubeadm and the kubelet have left, and what was there while the node joined."""
    paths, found = cluster.paths, {}
    for path, entry in machine.tree(*folders_of(cluster), without="member").items():
        if path not in OF_THE_KUBELET:
            content = _undated(entry.content) if entry.kind is Kind.LINK else entry.content
            found[_undated(path.encode()).decode()] = replace(entry, content=content)
    gone = machine.tree(units.SEEN).get(f"{units.SEEN}/{BOOTSTRAP}")
    return {**found, f"{paths.kubernetes}/{WHILE_JOINING}/{BOOTSTRAP}": gone} if gone else found


def _undated(path: bytes) -> bytes:
    """A kubelet's certificate has its time in its name."""
    return re.sub(rb"(kubelet-client)-\d{4}-[-\d]+[.]pem", rb"\1-(time).pem", path)
