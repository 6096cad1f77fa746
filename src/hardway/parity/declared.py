"""The one list of differences from kubeadm that are kept. Its aim is to be empty."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hardway.parity.compare import ABSENT, Difference


@dataclass(frozen=True)
class Declared:
    """A difference that is kept, and why."""

    item: str
    """Pattern of the item, with `*` and `?`."""
    field: str
    """Pattern of the field."""
    reason: str
    ours: str = "*"
    """Pattern of our value."""
    kubeadm: str = "*"
    """Pattern of kubeadm's value."""

    def covers(self, difference: Difference) -> bool:
        """The difference is meant."""
        return all(
            fnmatchcase(text, _literal(pattern))
            for text, pattern in (
                (difference.item, self.item),
                (difference.field, self.field),
                (difference.ours, self.ours),
                (difference.kubeadm, self.kubeadm),
            )
        )


def _literal(pattern: str) -> str:
    """Brackets name the items of lists here; they are no character classes."""
    return pattern.replace("[", "[[]")


DECLARED: tuple[Declared, ...] = (
    Declared(
        "Secret kube-system/bootstrap-token-(to join)",
        "data.expiration",
        "kubeadm makes one token for everybody that lives a day; here each node has its own, which lives two hours and"
        " is deleted when the node has joined",
    ),
    Declared(
        "Secret kube-system/bootstrap-token-(to join)*",
        "item",
        "where bootstrapTokens names tokens kubeadm makes these alone; here each node joins with its own beside them",
        ours="present",
        kubeadm=ABSENT,
    ),
    Declared(
        "/var/lib/kubelet/config.yaml",
        "resolvConf",
        "kubeadm before 1.37 copies the first master's choice to all nodes; without systemd-resolved of its own a node"
        " has no such file, and starts no pod",
        ours=ABSENT,
        kubeadm='"/run/systemd/resolve/resolv.conf"',
    ),
)


def declaration(difference: Difference, declared: Iterable[Declared] = DECLARED) -> Declared | None:
    """The declaration that covers the difference, or None."""
    return next((one for one in declared if one.covers(difference)), None)


def unused(differences: Iterable[Difference], declared: Iterable[Declared] = DECLARED) -> tuple[Declared, ...]:
    """Declarations that cover nothing any more: they have to go."""
    found = tuple(differences)
    return tuple(one for one in declared if not any(one.covers(difference) for difference in found))
