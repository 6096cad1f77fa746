"""The first master's kubelet learns to rotate (article chapter 16, kubeadm phase `kubelet-finalize`).

Source: kubeadm v1.30.4 `app/cmd/phases/init/kubeletfinalize.go`. The article has no counterpart: after a year its
first kubelet could not start again.
"""

from collections.abc import Iterator
from shlex import quote

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubelet_start import HEALTHZ_LIMIT, healthz
from hardway.model import Cluster, Node
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.steps import Check, Command, Step, Wait

ROTATED_LIMIT = 60
"""Seconds; the kubelet stores its certificate when it starts."""

OWN_USER = "default-auth"
"""What a kubelet calls its user in the kubeconfig that it writes after its TLS bootstrap."""


def rotates(cluster: Cluster, node: Node) -> bool:
    """The kubelet renews its client certificate; a flag overrides the configuration."""
    flag = dict(node.registration.kubelet_extra_args).get("rotate-certificates")
    if flag is not None:
        return flag.lower() in ("true", "t", "1")
    return cluster.kubelet_configuration.get("rotateCertificates", True) is True


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if not rotates(cluster, node):
        return
    conf, pem = f"{cluster.paths.kubernetes}/kubelet.conf", rotated_certificate(cluster, node)
    yield Wait(
        "kubelet-finalize/certificate",
        Check(
            "the kubelet to have stored its certificate",
            f"[ -s {quote(pem)} ] || {{ echo 'not stored yet'; exit 1; }}\n",
            hint="journalctl -u kubelet",
        ),
        ROTATED_LIMIT,
    )
    yield Command(
        "kubelet-finalize",
        f"point {conf} at the certificate that the kubelet rotates, and restart the kubelet",
        "(\numask 077\n"
        f"sed -e {quote(f's#^    client-certificate-data: .*#    client-certificate: {pem}#')} \\\n"
        f"  -e {quote(f's#^    client-key-data: .*#    client-key: {pem}#')} {quote(conf)} >{quote(conf + '.new')}\n"
        f"mv {quote(conf + '.new')} {quote(conf)}\n"
        "systemctl restart kubelet\n)\n",
        Check(
            f"the kubelet to run with a {conf} that follows the rotation",
            f"grep -qF {quote(f'client-certificate: {pem}')} {quote(conf)} || {{ echo 'its certificate is embedded'; exit 1; }}\n"
            # A kubelet that has joined wrote the file itself (k8s.io/kubernetes `pkg/kubelet/certificate/bootstrap`).
            f"! grep -qF {quote(f'name: {OWN_USER}')} {quote(conf)} || exit 0\n"
            # An interrupted run may have left a kubelet that read the file before it was changed.
            'since="$(systemctl show --timestamp=us+utc -P ActiveEnterTimestamp kubelet)"\n'
            f'newer="$(find {quote(conf)} -newermt "$since" 2>&1)"\n'
            "[ -z \"$newer\" ] || { echo 'the kubelet was not restarted since'; exit 1; }\n",
        ),
        idempotent=True,
        why="an embedded certificate ends after a year, the rotated one does not",
    )
    yield Wait("kubelet-finalize/healthz", healthz(cluster, node), HEALTHZ_LIMIT)


KUBELET_FINALIZE = Chapter(
    "kubelet-finalize",
    "Rotation of the kubelet's certificate",
    (16, 22),
    "kubelet-finalize all",
    steps=steps,
)
