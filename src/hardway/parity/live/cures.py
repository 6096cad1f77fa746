"""What mends a finding, as a command that can be pasted."""

import json
from dataclasses import dataclass

from hardway.model import Cluster, Document, Node, thaw
from hardway.steps.shell import quote, words


@dataclass(frozen=True)
class Tools:
    """Which tool mends: `hardway` with its file, or kubeadm where the file holds only an Inventory."""

    file: str
    ours: bool
    outside: frozenset[str] = frozenset()
    """Names of nodes that the file does not have: `hardway apply` does not know them."""


KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf"
_STORED = "kubectl --kubeconfig=/etc/kubernetes/kubelet.conf -n kube-system get cm kubeadm-config"
"""Every node may read it; and admin.conf may be what is wrong."""
LOOK = "journalctl -u kubelet -n 50"
ADMINS = "kubeadm:cluster-admins"
"""ClusterRoleBinding without which admin.conf can do nothing."""


def hardway(tools: Tools, chapter: str, node: Node) -> str:
    """apply of one chapter on one node; of all chapters where none is named."""
    only = f"--only {chapter} " if chapter else ""
    return f"hardway apply -f {quote(tools.file)} {only}--node {node.host_name}"


def with_configuration(cluster: Cluster, node: Node) -> str:
    """bash that prints kubeadm's configuration of this node, from what the cluster has stored."""
    api = str(cluster.cluster_configuration["apiVersion"])
    own = {
        "apiVersion": api,
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": node.bind_port},
        "nodeRegistration": {"name": node.name, "criSocket": node.registration.cri_socket},
    }
    stored = f"{_STORED} -o {quote('jsonpath={.data.ClusterConfiguration}')}"
    return f"{{ {stored} && printf '\\n---\\n%s\\n' {quote(json.dumps(own))}; }}"


def of_object(tools: Tools, cluster: Cluster, chapter: str, value: Document) -> str:
    """For an object of the API: the chapter, or the object itself, which has no side effects."""
    if tools.ours:
        return hardway(tools, chapter, cluster.first_control_plane)
    return f"{_piped(value)} apply --server-side --force-conflicts -f -"


def anew(value: Document, *, made_again: bool = False) -> str:
    """For what somebody has added to an object of the API: the object in its place, as kubeadm's own updates put it.

    Applying leaves alone what others have added. Their labels and annotations go as well. `made_again`: the object is
    deleted before, for what the API never changes in one.
    """
    return f"{_piped(value)} replace {'--force ' if made_again else ''}-f -"


def _piped(value: Document) -> str:
    """bash that hands an object to a kubectl that may change it."""
    whole = thaw(value)
    kubectl = KUBECTL.replace("/admin", "/super-admin") if whole["metadata"]["name"] == ADMINS else KUBECTL
    return f"printf %s {quote(json.dumps(whole))} | {kubectl}"


def of_node(tools: Tools, node: Node, chapter: str, verb: str, argument: str) -> str:
    """For a label, annotation or taint."""
    if tools.ours:
        return hardway(tools, chapter, node)
    return f"{KUBECTL} {words([verb, 'node', node.name, argument])}"


def show_certificate(path: str) -> str:
    """For a certificate of somebody else's, in a file of its own or in a kubeconfig: whose it is."""
    show = "openssl x509 -noout -subject -issuer -enddate"
    if not path.endswith(".conf"):
        return f"{show} -in {quote(path)}"
    return f"sed -n 's/^.*client-certificate-data: //p' {quote(path)} | while read -r pem; do base64 -d <<<\"$pem\" | {show}; done"


def etcdctl(cluster: Cluster, *argv: str) -> str:
    """etcdctl of the first master's own image, with the identity that kubeadm uses for it."""
    pki = f"{cluster.paths.pki}/etcd"
    given = ["--cacert", f"{pki}/ca.crt", "--cert", f"{pki}/healthcheck-client.crt"]
    given += ["--key", f"{pki}/healthcheck-client.key"]
    pod = f"etcd-{cluster.first_control_plane.name}"
    return f"{KUBECTL} -n kube-system exec {pod} -- {words(['etcdctl', *given, *argv])}"


def delete_token(tools: Tools, token: str) -> str:
    """For a bootstrap token, by its id."""
    return f"hardway token delete -f {quote(tools.file)} {token}" if tools.ours else f"kubeadm token delete {token}"
