"""Kubeconfigs of people and components (article chapters 16 and 17, kubeadm phase `kubeconfig`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki import openssl, questions
from hardway.pki.kubeconfigs import kubeconfigs
from hardway.steps import Check, Command, Kubeconfig, Step


def keys(cluster: Cluster, node: Node) -> Iterator[Step]:
    """The private keys of the client certificates; they wait in memory until their kubeconfig takes them in."""
    specs = kubeconfigs(cluster, node)
    yield Command(
        "kubeconfig/keys",
        "make the private keys of the client certificates side by side",
        openssl.make_keys((f"{openssl.KEYS}/{spec.name}.key" for spec in specs), specs[0].algorithm),
        Check("the keys to exist", questions.kubeconfig_keys_made(openssl.KEYS, specs)),
        why="they wait in memory until their kubeconfig takes them in",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from keys(cluster, node)
    for spec in kubeconfigs(cluster, node):
        yield Kubeconfig(f"kubeconfig/{spec.name}", spec)


KUBECONFIG = Chapter(
    "kubeconfig", "Kubeconfigs", (16, 17), "kubeconfig all", "control-plane-prepare kubeconfig", steps=steps
)
