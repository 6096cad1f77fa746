"""What a person needs to let another machine join (`kubeadm token create --print-join-command`).

Source: kubeadm v1.30.4 `app/cmd/util/join.go`.
"""

from hardway.chapters.upload_certs import upload
from hardway.model import Cluster, Paths
from hardway.steps import Run, lower_all
from hardway.steps.shell import INPUTS, heredoc, input_file, quote
from hardway.workflows.inputs import question

DEFAULT_CA = Paths().joining_ca
"""caCertPath where nobody says another."""


def pin(cluster: Cluster) -> str:
    """bash that prints the pin of the cluster's CA."""
    return question(cluster, "ca-pin")


def upload_certificates(cluster: Cluster, key: str) -> str:
    """bash that stores the CAs for joining masters, encrypted with this key (64 hexadecimal digits)."""
    file = input_file("certificate-key")
    scripts = [item.script for item in lower_all(upload(cluster)) if isinstance(item, Run)]
    return (
        f"umask 077\nmkdir -p {INPUTS}\n"
        f"trap 'rm -f {file}' EXIT\n"
        + heredoc(f"cat >{file}", key + "\n")
        + "{\n"
        + "".join(scripts)
        + "} >/dev/null\n"
    )


def join_command(cluster: Cluster, token: str, ca_pin: str, certificate_key: str = "") -> str:
    """The command that kubeadm prints; with a certificate key it is for another master."""
    words = f"kubeadm join {cluster.endpoint.url.removeprefix('https://')} --token {token} --discovery-token-ca-cert-hash {ca_pin} "
    if not certificate_key:
        return words
    return f"{words}--control-plane --certificate-key {quote(certificate_key)}"


def left_open(cluster: Cluster) -> tuple[str, ...]:
    """Hints: what the command leaves to whoever types it.

    kubeadm calls a node as its host calls itself, which for most machines is a short name (`app/phases/kubelet/flags.go`,
    GetNodeNameAndHostname); the Inventory gives a short name the cluster's domain. And it writes a worker's CA to
    caCertPath (`app/cmd/phases/join/kubelet.go`), for which there is no flag.
    """
    name = (
        "hint: where `hostname` prints another name than the Inventory's full one, add"
        f" --node-name NAME.{cluster.name}.{cluster.base_domain}; by another name hardway does not know the node"
    )
    if cluster.paths.ca == DEFAULT_CA:
        return (name,)
    return (
        name,
        f"hint: a worker's kubelet reads {cluster.paths.ca}, and this command makes {DEFAULT_CA}:"
        f" let `kubeadm join --config FILE` say caCertPath: {cluster.paths.ca}, or use hardway node add",
    )
