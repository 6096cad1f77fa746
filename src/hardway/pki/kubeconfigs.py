"""Every kubeconfig as a request. Source: article chapter 16; kubeadm `app/phases/kubeconfig/kubeconfig.go`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KubeconfigSpec:
    """A kubeconfig with CA, client certificate and key embedded (0600)."""

    name: str
    """kubeadm's sub-phase, e.g. `controller-manager`."""
    purpose: str
    path: str
    server: str
    cluster_name: str
    user: str
    """Common name of the client certificate and name of the user entry."""
    ca_certificate: str
    ca_key: str
    organizations: tuple[str, ...] = ()
    days: int = 365

    @property
    def context(self) -> str:
        return f"{self.user}@{self.cluster_name}"
