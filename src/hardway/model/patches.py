"""What the user's patches change in the files that kubeadm would write (`patches` of its documents)."""

from dataclasses import dataclass, field

from hardway.model.value import Value


@dataclass(frozen=True)
class Patch:
    """One document of a patch file."""

    target: str
    """What it changes, e.g. `kube-apiserver`."""
    kind: str
    """`strategic`, `merge` (RFC 7386) or `json` (RFC 6902)."""
    value: Value = field(hash=False)
    file: str
    """Where the user has it, for those who look for a mistake."""


@dataclass(frozen=True)
class Patches:
    """The patches of one node, in the order in which kubeadm applies them."""

    directory: str = ""
    """`patches.directory` of the node's document; empty: there are none."""
    files: tuple[tuple[str, str], ...] = ()
    """Path on the node and content."""
    patches: tuple[Patch, ...] = ()
