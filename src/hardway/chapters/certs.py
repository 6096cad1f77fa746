"""Certificates of a master (article chapters 11-15, kubeadm phase `certs`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki import catalog, openssl, questions
from hardway.steps import Certificate, Check, Command, Directory, KeyPair, Step


def pki_directories(cluster: Cluster) -> Iterator[Step]:
    """certificatesDir and the place of etcd's certificates; keys below are 0600 each."""
    yield Directory("certs/directory", cluster.paths.kubernetes, 0o755)
    yield Directory("certs/pki-directory", cluster.paths.pki, 0o755)
    yield Directory("certs/etcd-directory", f"{cluster.paths.pki}/etcd", 0o755)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    first = node == cluster.first_control_plane
    specs, pair = catalog.certificates(cluster, node), catalog.service_account_key(cluster)
    keys = tuple(spec.key for spec in specs) + ((pair.private_key,) if first else ())
    yield from pki_directories(cluster)
    yield Command(
        "certs/keys",
        "make the private keys side by side",
        openssl.make_keys(keys),
        Check("the private keys to exist", questions.keys_made(keys)),
        why="finding primes takes longer than everything else here, and every processor can help",
    )
    for spec in specs:
        yield Certificate(f"certs/{spec.name}", spec)
    if first:
        yield KeyPair("certs/sa", pair)


CERTS = Chapter(
    "certs", "Certificates", (11, 12, 13, 14, 15), "certs all", "control-plane-prepare certs", steps=steps
)
