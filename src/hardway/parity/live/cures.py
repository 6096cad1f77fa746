"""What mends a finding, as a command that can be pasted."""

import json
from dataclasses import dataclass

from hardway.model import Cluster, Document, Node, thaw
from hardway.parity.compare import Difference
from hardway.parity.live.wanted import Wanted
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.renderers.files import Kind
from hardway.steps.shell import quote, words


@dataclass(frozen=True)
class Tools:
    """Which tool mends: `hardway` with its file, or kubeadm where the file holds only an Inventory."""

    file: str
    ours: bool


KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf"
_STORED = "kubectl --kubeconfig=/etc/kubernetes/kubelet.conf -n kube-system get cm kubeadm-config"
"""Every node may read it; and admin.conf may be what is wrong."""
LOOK = "journalctl -u kubelet -n 50"
ADMINS = "kubeadm:cluster-admins"
"""ClusterRoleBinding without which admin.conf can do nothing."""


def of_file(tools: Tools, cluster: Cluster, node: Node, wanted: Wanted, difference: Difference) -> str:
    """For a file or directory of a node.

    A CA and what masters share is never made anew: that would be another cluster.
    """
    path, field = difference.item, difference.field
    if wanted.fields["file.kind"] == Kind.DIRECTORY.value and field == "item":
        return f"install -d -m {wanted.fields['file.mode'].lstrip('0')} {quote(path)}"
    match field:
        case "file.mode":
            return f"chmod {difference.ours.lstrip('0')} {quote(path)}"
        case "file.owner":
            return f"chown {difference.ours} {quote(path)}"
    if wanted.is_shared:
        return f"take {path} from a master that the others agree with"
    if path == f"{cluster.paths.kubernetes}/kubelet.conf" and field != "item":
        return _of_kubelet_conf(cluster, node, path, field, difference.ours)
    if path.endswith(".pem"):
        return f"systemctl restart kubelet; {LOOK}"
    if wanted.chapter in ("certs", "kubeconfig") and field != "item" and not (tools.ours and _issued_anew(field)):
        both = [path] if path.endswith(".conf") else [f"{path[:-4]}.crt", f"{path[:-4]}.key"]
        # kubeadm takes a key without its certificate for a mistake; hardway replaces nothing of another CA.
        away = f"rm -f {words(both)}"
        return away if tools.ours else _by_phase(cluster, node, wanted.step, f"{away} && ")
    if tools.ours:
        return hardway(tools, "" if path.endswith("kubelet.conf") else wanted.chapter, node)
    if wanted.chapter in ("kubelet-start", "kubelet-finalize", "discovery"):
        mends = path.endswith("config.yaml")
        return "kubeadm upgrade node phase kubelet-config && systemctl restart kubelet" if mends else ""
    return _by_phase(cluster, node, wanted.step)


def _issued_anew(field: str) -> bool:
    """`apply` sees it, and makes the certificate or kubeconfig anew."""
    name = field.rpartition("client-certificate-data.")[2]
    return name == "subject" or name.startswith("SubjectAlternativeName") or field.endswith(".cluster.server")


def _by_phase(cluster: Cluster, node: Node, step: str, before: str = "") -> str:
    phase = step.replace("/", " ", 1)
    return (
        f'config="$({with_configuration(cluster, node)})" && {before}'
        f"printf '%s\\n' \"$config\" | kubeadm init phase {phase} --config /dev/stdin"
    )


def _of_kubelet_conf(cluster: Cluster, node: Node, path: str, field: str, expected: str) -> str:
    """The kubelet's own kubeconfig is made once; it is changed in place."""
    conf, entry, value = f"kubectl --kubeconfig={quote(path)} config", "clusters", "set-cluster"
    if field.startswith("client-"):
        pem = rotated_certificate(cluster, node)
        entry, value = "users", "set-credentials"
        options = words([f"--client-certificate={pem}", f"--client-key={pem}"])
    elif field == "server":
        options = words([f"--server={expected}"])
    else:
        options = words(["--embed-certs", f"--certificate-authority={cluster.paths.pki}/ca.crt"])
    name = f"\"$({conf} view -o 'jsonpath={{.{entry}[0].name}}')\""
    return f"{conf} {value} {name} {options} && systemctl restart kubelet"


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


def anew(value: Document) -> str:
    """For what somebody has added to an object of the API: the object in its place, as kubeadm's own updates put it.

    Applying leaves alone what others have added. Their labels and annotations go as well.
    """
    return f"{_piped(value)} replace -f -"


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


def renew(tools: Tools, node: Node, name: str) -> str:
    """For a certificate that ends, by kubeadm's name for it."""
    if tools.ours:
        return f"hardway certs renew -f {quote(tools.file)} {name} --node {node.host_name}"
    return f"kubeadm certs renew {name}"


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
