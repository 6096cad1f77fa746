"""Certificates of a master (article chapters 11-15, kubeadm phase `certs`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki import catalog
from hardway.steps import Certificate, Directory, KeyPair, Step


def pki_directories(cluster: Cluster) -> Iterator[Step]:
    """certificatesDir and the place of etcd's certificates; keys below are 0600 each."""
    yield Directory("certs/directory", cluster.paths.kubernetes, 0o755)
    yield Directory("certs/pki-directory", cluster.paths.pki, 0o755)
    yield Directory("certs/etcd-directory", f"{cluster.paths.pki}/etcd", 0o755)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from pki_directories(cluster)
    for spec in catalog.certificates(cluster, node):
        yield Certificate(f"certs/{spec.name}", spec)
    if node == cluster.first_control_plane:
        yield KeyPair("certs/sa", catalog.service_account_key(cluster))


CERTS = Chapter(
    "certs", "Certificates", (11, 12, 13, 14, 15), "certs all", "control-plane-prepare certs", steps=steps
)
