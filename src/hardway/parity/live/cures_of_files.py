"""What mends a file of a node: nothing is lost where a cure fails, and nothing is made anew that there may be no other of."""

from collections.abc import Collection
from dataclasses import dataclass

from hardway.chapters.renew import restarted
from hardway.model import Cluster, Node
from hardway.operations.expiration import renewable
from hardway.parity.compare import Difference
from hardway.parity.live.cures import LOOK, Tools, hardway, show_certificate, with_configuration
from hardway.parity.live.wanted import Wanted
from hardway.pki.kubeconfigs import KubeconfigSpec, rotated_certificate
from hardway.renderers.files import Kind
from hardway.steps.shell import quote, words


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
        options = words(["--embed-certs", f"--certificate-authority={cluster.paths.ca}"])
    name = f"\"$({conf} view -o 'jsonpath={{.{entry}[0].name}}')\""
    return f"{conf} {value} {name} {options} && systemctl restart kubelet"


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
