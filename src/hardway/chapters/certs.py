"""Certificates of a master (article chapters 11-15, kubeadm phase `certs`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki import catalog, openssl, questions
from hardway.steps import Certificate, Check, Command, Directory, KeyPair, Step


def pki_directories(cluster: Cluster, node: Node) -> Iterator[Step]:
    """certificatesDir and, on a member of etcd, the place of its certificates; keys below are 0600 each."""
    yield Directory("certs/directory", cluster.paths.kubernetes, 0o755)
    yield Directory("certs/pki-directory", cluster.paths.pki, 0o755)
    if cluster.runs_member(node):
        yield Directory("certs/etcd-directory", f"{cluster.paths.pki}/etcd", 0o755)


def keys(cluster: Cluster, node: Node) -> Iterator[Step]:
    """The private keys; they need neither CA nor cluster, so a joining master can make them while it waits."""
    first = node == cluster.first_control_plane
    specs, pair = catalog.certificates(cluster, node), catalog.service_account_key(cluster)
    files = tuple(spec.key for spec in specs) + ((pair.private_key,) if first else ())
    yield from pki_directories(cluster, node)
    yield Command(
        "certs/keys",
        "make the private keys side by side",
        openssl.make_keys(files, cluster.certificates.algorithm),
        Check("the private keys to exist", questions.keys_made(files)),
        why="finding primes takes longer than everything else here, and every processor can help",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from keys(cluster, node)
    for spec in catalog.certificates(cluster, node):
        yield Certificate(f"certs/{spec.name}", spec)
    if node == cluster.first_control_plane:
        yield KeyPair("certs/sa", catalog.service_account_key(cluster))


CERTS = Chapter(
    "certs", "Certificates", (11, 12, 13, 14, 15), "certs all", "control-plane-prepare certs", steps=steps
)
