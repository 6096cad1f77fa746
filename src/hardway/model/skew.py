"""How far versions of components may be apart (article chapter 3; Kubernetes' version skew policy)."""

import re
from dataclasses import dataclass

API_SERVER = "kube-apiserver"


@dataclass(frozen=True)
class Skew:
    """One row: minors that a component may be older or newer than every API server of the cluster."""

    component: str
    older: int
    newer: int = 0

    def allows(self, version: str, servers: tuple[str, ...]) -> bool:
        """The version fits to all these API servers."""
        return all(-self.older <= minor(version) - minor(server) <= self.newer for server in servers)

    def __str__(self) -> str:
        """In words, as in `at most 3 minors older`."""
        parts = [f"{count} {word}" for count, word in ((self.older, "older"), (self.newer, "newer")) if count]
        return f"at most {' or '.join(parts)}, in minors" if parts else "the same minor"


SKEW = (
    # While a cluster of several masters is being upgraded two minors run beside each other.
    Skew(API_SERVER, 1, 1),
    Skew("kube-controller-manager", 1),
    Skew("kube-scheduler", 1),
    Skew("kubelet", 3),
    Skew("kube-proxy", 3),
    Skew("kubectl", 1, 1),
    # It upgrades the cluster to its own minor.
    Skew("kubeadm", 0, 1),
)


def skew(component: str) -> Skew:
    """The row of a component; KeyError when there is none."""
    for row in SKEW:
        if row.component == component:
            return row
    raise KeyError(component)


def minor(version: str) -> int:
    """The minor number of `v1.30.4`; ValueError for what is no version of Kubernetes 1."""
    found = re.match(r"v?1\.(\d+)", version)
    if not found:
        raise ValueError(version)
    return int(found[1])


def is_version(text: str) -> bool:
    """It has a minor number (an image may be named by its digest instead)."""
    return re.match(r"v?1\.\d+", text) is not None
