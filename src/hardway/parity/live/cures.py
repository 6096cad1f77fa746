"""What mends a finding, as a command that can be pasted."""

import json
from dataclasses import dataclass

from hardway.model import Cluster, Document, Node, thaw
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.live.wanted import Wanted
from hardway.steps.shell import quote, words


@dataclass(frozen=True)
class Tools:
    """Which tool mends: `hardway` with its file, or kubeadm where the file holds only an Inventory."""

    file: str
    ours: bool


KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf"


def of_file(tools: Tools, cluster: Cluster, node: Node, wanted: Wanted, difference: Difference) -> str:
    """For a file or directory of a node."""
    path = quote(difference.item)
    match difference.field:
        case "file.mode":
            return f"chmod {difference.ours.lstrip('0')} {path}"
        case "file.owner":
            return f"chown {difference.ours} {path}"
    if difference.ours == ABSENT and difference.field == "item":
        return ""
    if tools.ours:
        return hardway(tools, wanted.chapter, node)
    if wanted.chapter in ("kubelet-start", "kubelet-finalize", "discovery"):
        return (
            "kubeadm upgrade node phase kubelet-config && systemctl restart kubelet" if path.endswith("yaml") else ""
        )
    phase = wanted.step.removeprefix("kubeconfig/keys").replace("/", " ", 1)
    away = f"rm {path}; " if difference.field != "item" and wanted.chapter in ("certs", "kubeconfig") else ""
    return f"{away}{with_configuration(cluster, node)} | kubeadm init phase {phase} --config /dev/stdin"


def hardway(tools: Tools, chapter: str, node: Node) -> str:
    """apply of one chapter on one node."""
    return f"hardway apply -f {quote(tools.file)} --only {chapter} --node {node.host_name}"


def with_configuration(cluster: Cluster, node: Node) -> str:
    """bash that prints kubeadm's configuration of this node, from what the cluster has stored."""
    api = str(cluster.cluster_configuration["apiVersion"])
    own = {
        "apiVersion": api,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": node.bind_port},
        "nodeRegistration": {"name": node.name, "criSocket": node.registration.cri_socket},
    }
    stored = f"{KUBECTL} -n kube-system get cm kubeadm-config -o {quote('jsonpath={.data.ClusterConfiguration}')}"
    return f"{{ {stored}; printf '\\n---\\n%s\\n' {quote(json.dumps(own))}; }}"


def of_object(tools: Tools, cluster: Cluster, chapter: str, value: Document) -> str:
    """For an object of the API: the chapter, or the object itself, which has no side effects."""
    if tools.ours:
        return hardway(tools, chapter, cluster.first_control_plane)
    whole = json.dumps(thaw(value))
    return f"printf %s {quote(whole)} | {KUBECTL} apply --server-side --force-conflicts -f -"


def of_node(tools: Tools, node: Node, chapter: str, verb: str, argument: str) -> str:
    """For a label, annotation or taint."""
    if tools.ours:
        return hardway(tools, chapter, node)
    return f"{KUBECTL} {words([verb, 'node', node.name, argument])}"
