"""What mends a finding, as a command that can be pasted."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from hardway.chapters.renew import restarted
from hardway.model import Cluster, Document, Node, thaw
from hardway.operations.expiration import renewable
from hardway.parity.compare import Difference
from hardway.parity.live.wanted import Wanted
from hardway.pki.kubeconfigs import KubeconfigSpec, rotated_certificate
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


def of_file(
    tools: Tools, cluster: Cluster, node: Node, wanted: Wanted, difference: Difference, there: Collection[str]
) -> str:
    """For a file or directory of a node that has the files `there`.

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
    if wanted.step == "etcd/local" and not _keeps_its_cluster(tools, cluster, node, field, there):
        data = cluster.stacked_etcd.data_dir
        return f"ls -lA {quote(data)} # without its data this member has to be restored, or reset and joined again"
    if wanted.chapter in ("certs", "kubeconfig") and (issued := _issued(cluster, node, path)):
        return _anew(tools, cluster, node, wanted, issued, field, there)
    if tools.ours:
        return hardway(tools, "" if path.endswith("kubelet.conf") else wanted.chapter, node)
    if wanted.chapter in ("kubelet-start", "kubelet-finalize", "discovery"):
        mends = path.endswith("config.yaml")
        return "kubeadm upgrade node phase kubelet-config && systemctl restart kubelet" if mends else ""
    return _by_phase(cluster, node, wanted.step)


def _seen_by_apply(field: str) -> bool:
    """`apply` sees it, and makes the certificate or kubeconfig anew."""
    name = field.rpartition("client-certificate-data.")[2]
    return name == "subject" or name.startswith("SubjectAlternativeName") or field.endswith(".cluster.server")


def _keeps_its_cluster(tools: Tools, cluster: Cluster, node: Node, field: str, there: Collection[str]) -> bool:
    """etcd.yaml can be written anew: kubeadm's phase, and hardway's for the first master, make it of this member alone.

    With its data etcd does not look at initial-cluster any more (kubeadm `CreateLocalEtcdStaticPodManifestFile`). Without,
    a new etcd would begin, whose API server shows a cluster in which there is nothing. hardway asks the members where it
    joins one, and keeps what a manifest says of them.
    """
    if tools.ours and (field != "item" or node != cluster.first_control_plane):
        return True
    return f"{cluster.stacked_etcd.data_dir}/member" in there


@dataclass(frozen=True)
class _Issued:
    """A certificate with its key, or a kubeconfig, that a CA of this cluster signs."""

    name: str
    """As kubeadm renews it."""
    paths: tuple[str, ...]
    ca_key: str


def _issued(cluster: Cluster, node: Node, path: str) -> _Issued | None:
    """What a path is a part of."""
    for name, spec in renewable(cluster, node) if node.is_control_plane else ():
        paths = (spec.path,) if isinstance(spec, KubeconfigSpec) else (spec.certificate, spec.key)
        if path in paths:
            return _Issued(name, paths, spec.ca_key)
    return None


def _anew(
    tools: Tools, cluster: Cluster, node: Node, wanted: Wanted, issued: _Issued, field: str, there: Collection[str]
) -> str:
    """For what has to be issued again. What is there is put aside, because there may be no other."""
    if issued.ca_key not in there:
        # An external CA: kubeadm's phases fail without its key, or take what they cannot find for the user's affair.
        return f"whoever keeps {issued.ca_key} has to issue it"
    old = [path for path in issued.paths if path in there]
    aside = '"$(mktemp -d -p /root)"'
    if tools.ours:
        # `apply` sees some of it, and replaces nothing of another CA.
        return (
            f"mv -t {aside} {words(old)}"
            if field != "item" and not _seen_by_apply(field)
            else hardway(tools, wanted.chapter, node)
        )
    phase = _phase(wanted.step)
    if old:
        # kubeadm takes a key without its certificate for a mistake.
        back = f'mv -t {quote(old[0].rpartition("/")[0])} "$old"/*'
        phase = f'old={aside} && {{ {{ mv -t "$old" {words(old)} && {phase}; }} || {{ {back}; false; }}; }}'
    return _configured(cluster, node, phase) + _restarts(cluster, issued.name, there)


def _restarts(cluster: Cluster, name: str, there: Collection[str]) -> str:
    """What follows on a new certificate: kubeadm renews it, and leaves the static pod that reads it to the user."""
    paths = [f"{cluster.paths.manifests}/{pod}.yaml" for pod in restarted((name,))]
    return "".join(f" && {restart(path)}" for path in paths if path in there)


def restart(path: str) -> str:
    """For a static pod: the kubelet has 20 seconds to see that its manifest is gone."""
    return f"mv {quote(path)} /root/ && sleep 20 && mv {quote('/root/' + path.rpartition('/')[2])} {quote(path)}"


def _by_phase(cluster: Cluster, node: Node, step: str) -> str:
    return _configured(cluster, node, _phase(step))


def _configured(cluster: Cluster, node: Node, phase: str) -> str:
    return f'config="$({with_configuration(cluster, node)})" && {phase}'


def _phase(step: str) -> str:
    """kubeadm's phase with the configuration of `_configured`."""
    return f"printf '%s\\n' \"$config\" | kubeadm init phase {step.replace('/', ' ', 1)} --config /dev/stdin"


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


def renew(tools: Tools, cluster: Cluster, node: Node, path: str, there: Collection[str]) -> str:
    """For a certificate that ends; whose it is where neither tool can renew it.

    kubeadm passes over what it cannot renew without the CA's key, and exits 0.
    """
    issued = _issued(cluster, node, path)
    if not issued or issued.ca_key not in there:
        return show_certificate(path)
    if tools.ours:
        return f"hardway certs renew -f {quote(tools.file)} {issued.name} --node {node.host_name}"
    return f"kubeadm certs renew {issued.name}{_restarts(cluster, issued.name, there)}"


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
