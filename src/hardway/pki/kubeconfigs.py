"""Every kubeconfig as a request.

Source: article chapter 16; kubeadm v1.30.4 `app/phases/kubeconfig/kubeconfig.go`.
"""

from dataclasses import dataclass

from hardway.model import Cluster, Endpoint, Node
from hardway.pki import catalog


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
    rotated: str = ""
    """Certificate file that takes the embedded one's place later (kubelet-finalize); empty: none."""

    @property
    def context(self) -> str:
        return f"{self.user}@{self.cluster_name}"


def kubeconfigs(cluster: Cluster, node: Node) -> tuple[KubeconfigSpec, ...]:
    """The kubeconfigs of one master. Joining masters get neither super-admin.conf nor kubelet.conf from here."""
    issuer = catalog.ca(cluster, "ca")
    everywhere = cluster.endpoint.url
    # kubeadm lets the controllers of a master talk to the API server of that master: an older or newer API server
    # behind the balancer would break the version skew policy during upgrades.
    here = Endpoint(node.address, node.bind_port).url

    def spec(
        name: str, purpose: str, server: str, user: str, organizations: tuple[str, ...] = (), rotated: str = ""
    ) -> KubeconfigSpec:
        return KubeconfigSpec(
            name,
            purpose,
            f"{cluster.paths.kubernetes}/{name}.conf",
            server,
            cluster.name,
            user,
            issuer.certificate,
            issuer.key,
            organizations,
            rotated=rotated,
        )

    admin = spec(
        "admin", "for people: can be revoked by RBAC", everywhere, "kubernetes-admin", ("kubeadm:cluster-admins",)
    )
    controller_manager = spec(
        "controller-manager", "for kube-controller-manager", here, "system:kube-controller-manager"
    )
    scheduler = spec("scheduler", "for kube-scheduler", here, "system:kube-scheduler")
    if node != cluster.first_control_plane:
        return (admin, controller_manager, scheduler)
    return (
        admin,
        spec(
            "super-admin",
            "for emergencies: passes RBAC by, keep it away from daily use",
            everywhere,
            "kubernetes-super-admin",
            ("system:masters",),
        ),
        spec(
            "kubelet",
            "for the first master's kubelet; the others get theirs by TLS bootstrap",
            everywhere,
            f"system:node:{node.name}",
            ("system:nodes",),
            rotated=f"{cluster.paths.kubelet}/pki/kubelet-client-current.pem",
        ),
        controller_manager,
        scheduler,
    )
