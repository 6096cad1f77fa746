"""The first master's kubelet learns to rotate (article chapter 16, kubeadm phase `kubelet-finalize`).

Source: kubeadm v1.30.4 `app/cmd/phases/init/kubeletfinalize.go`. The article has no counterpart: after a year its
first kubelet could not start again.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubelet_start import HEALTHZ, HEALTHZ_LIMIT
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step, Wait

ROTATED_LIMIT = 60


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    conf = f"{cluster.paths.kubernetes}/kubelet.conf"
    pem = f"{cluster.paths.kubelet}/pki/kubelet-client-current.pem"
    yield Wait(
        "kubelet-finalize/certificate",
        Check(
            "the kubelet to have stored its certificate", f"[ -s {pem} ] || {{ echo 'not stored yet'; exit 1; }}\n"
        ),
        ROTATED_LIMIT,
    )
    yield Command(
        "kubelet-finalize",
        f"point {conf} at the certificate that the kubelet rotates",
        "umask 077\n"
        f"sed -e 's#^    client-certificate-data: .*#    client-certificate: {pem}#' \\\n"
        f"  -e 's#^    client-key-data: .*#    client-key: {pem}#' {conf} >{conf}.new\n"
        f"mv {conf}.new {conf}\n"
        "systemctl restart kubelet\n",
        Check(
            f"{conf} to follow the rotation",
            f"grep -qF 'client-certificate: {pem}' {conf} || {{ echo 'its certificate is embedded'; exit 1; }}\n",
        ),
        why="an embedded certificate ends after a year, the rotated one does not",
    )
    yield Wait("kubelet-finalize/healthz", HEALTHZ, HEALTHZ_LIMIT)


KUBELET_FINALIZE = Chapter(
    "kubelet-finalize",
    "Rotation of the kubelet's certificate",
    (16,),
    "kubelet-finalize experimental-cert-rotation",
    steps=steps,
)
