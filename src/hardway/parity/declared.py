"""The one list of differences from kubeadm that are kept. Its aim is to be empty."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape

from hardway.chapters.joining_ca import path_of_copy
from hardway.model import Cluster
from hardway.parity.compare import ABSENT, Difference

Where = Callable[[Cluster, str], bool]
"""Asks a cluster, and one of its nodes by its host name (of an API object: what stands there for a node)."""


def _everywhere(cluster: Cluster, node: str) -> bool:
    return True


def _has_tokens_of_the_user(cluster: Cluster, node: str) -> bool:
    return bool(cluster.bootstrap_tokens)


def _nobody_joins(cluster: Cluster, node: str) -> bool:
    return len(cluster.kubernetes_nodes) == 1 and not cluster.bootstrap_tokens


def _is_sent_to_a_resolver_that_it_lacks(cluster: Cluster, node: str) -> bool:
    return cluster.release.features.resolv_conf_stored and not cluster.node(node).facts.resolved


def _is_a_worker_with_its_ca_elsewhere(cluster: Cluster, node: str) -> bool:
    return bool(path_of_copy(cluster)) and cluster.node(node) in cluster.workers


@dataclass(frozen=True)
class Declared:
    """A difference that is kept, and why."""

    item: str
    """Pattern of the item, with `*` and `?`; `{pki}` stands for certificatesDir."""
    field: str
    """Pattern of the field."""
    reason: str
    ours: str = "*"
    """Pattern of our value."""
    kubeadm: str = "*"
    """Pattern of kubeadm's value."""
    where: Where = _everywhere
    """Where the reason holds."""

    def covers(self, difference: Difference, cluster: Cluster, node: str) -> bool:
        """The difference is meant."""
        item = _literal(self.item).replace("{pki}", escape(cluster.paths.pki))
        alike = fnmatchcase(difference.item, item) and all(
            fnmatchcase(text, _literal(pattern))
            for text, pattern in (
                (difference.field, self.field),
                (difference.ours, self.ours),
                (difference.kubeadm, self.kubeadm),
            )
        )
        return alike and self.where(cluster, node)


def _literal(pattern: str) -> str:
    """Brackets name the items of lists here; they are no character classes."""
    return pattern.replace("[", "[[]")


DECLARED: tuple[Declared, ...] = (
    Declared(
        "Secret kube-system/bootstrap-token-(to join)",
        "data.expiration",
        "kubeadm makes one token for everybody that lives a day; here each node has its own, which lives two hours and"
        " is deleted when the node has joined",
        ours="2:00:00 after issue",
        kubeadm="1 day, 0:00:00 after issue",
    ),
    Declared(
        "Secret kube-system/bootstrap-token-(to join)*",
        "item",
        "where bootstrapTokens names tokens kubeadm makes these alone; here each node joins with its own beside them",
        ours="present",
        kubeadm=ABSENT,
        where=_has_tokens_of_the_user,
    ),
    Declared(
        "Secret kube-system/bootstrap-token-(to join)",
        "item",
        "kubeadm makes a token in a cluster of one node, too, which nobody joins with it",
        ours=ABSENT,
        kubeadm="present",
        where=_nobody_joins,
    ),
    Declared(
        "/var/lib/kubelet/config.yaml",
        "resolvConf",
        "kubeadm before 1.37 copies the first master's choice to all nodes; without systemd-resolved of its own a node"
        " has no such file, and starts no pod",
        ours=ABSENT,
        kubeadm='"/run/systemd/resolve/resolv.conf"',
        where=_is_sent_to_a_resolver_that_it_lacks,
    ),
    *(
        Declared(
            item,
            "item",
            "kubeadm gives a worker the CA at caCertPath alone, which by default does not follow certificatesDir, where"
            " the kubelet looks for it: such a kubelet never starts; here the CA is in both places",
            ours="present",
            kubeadm=ABSENT,
            where=_is_a_worker_with_its_ca_elsewhere,
        )
        for item in ("{pki}", "{pki}/ca.crt")
    ),
)


def declaration(difference: Difference, cluster: Cluster, node: str) -> Declared | None:
    """The declaration that covers the difference, or None."""
    return next((one for one in DECLARED if one.covers(difference, cluster, node)), None)
