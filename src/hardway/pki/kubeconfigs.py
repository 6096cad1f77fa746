"""Every kubeconfig as a request.

Source: article chapter 16; kubeadm v1.30.4 `app/phases/kubeconfig/kubeconfig.go`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from hardway.model import Cluster, Endpoint, Node
from hardway.pki import catalog

SUPER_ADMIN = "super-admin"


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
    days: float = 365
    algorithm: str = "RSA-2048"
    """Of the embedded key."""
    empty_preferences: bool = True
    """The file says `preferences: {}`."""
    rotated: str = ""
    """PEM file that takes the embedded certificate's and key's place later (kubelet-finalize); empty: none."""
    spared_by: str = ""
    """Kubeconfig that makes this one needless once it may do everything; empty: there is none."""
    spared_after: str = ""
    """File without which the master has not come so far."""

    @property
    def context(self) -> str:
        return f"{self.user}@{self.cluster_name}"


def rotated_certificate(cluster: Cluster, node: Node) -> str:
    """PEM file (a link) in which the kubelet keeps its newest client certificate and key."""
    # Like kubeadm, follow the flag if the user moved the directory.
    folder = dict(node.registration.kubelet_extra_args).get("cert-dir", f"{cluster.paths.kubelet}/pki")
    return f"{folder}/kubelet-client-current.pem"


def kubeconfigs(cluster: Cluster, node: Node) -> tuple[KubeconfigSpec, ...]:
    """The kubeconfigs of one master. Joining masters get neither super-admin.conf nor kubelet.conf from here."""
    issuer, features = catalog.ca(cluster, "ca"), cluster.release.features
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
            cluster.certificates.days,
            cluster.certificates.algorithm if features.kubeconfigs_follow_algorithm else "RSA-2048",
            features.empty_values_written,
            rotated,
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
        replace(
            spec(
                SUPER_ADMIN,
                "for emergencies: passes RBAC by, keep it away from daily use",
                everywhere,
                "kubernetes-super-admin",
                ("system:masters",),
            ),
            # kubeadm needs it until the ClusterRoleBinding kubeadm:cluster-admins is there, and advises to put it away.
            spared_by=admin.path,
            spared_after=f"{cluster.paths.manifests}/kube-apiserver.yaml",
        ),
        spec(
            "kubelet",
            "for the first master's kubelet; the others get theirs by TLS bootstrap",
            here if features.kubelet_local_mode else everywhere,
            f"system:node:{node.name}",
            ("system:nodes",),
            rotated=rotated_certificate(cluster, node),
        ),
        controller_manager,
        scheduler,
    )


def text(spec: KubeconfigSpec, authority: str, certificate: str, key: str, escape: Callable[[str], str] = str) -> str:
    """The file as kubeadm writes it, from base64 of the PEM files; `escape` is applied to what the request says."""
    cluster, user, context = (escape(scalar(name)) for name in (spec.cluster_name, spec.user, spec.context))
    return (
        "apiVersion: v1\n"
        "clusters:\n"
        "- cluster:\n"
        f"    certificate-authority-data: {authority}\n"
        f"    server: {escape(spec.server)}\n"
        f"  name: {cluster}\n"
        "contexts:\n"
        "- context:\n"
        f"    cluster: {cluster}\n"
        f"    user: {user}\n"
        f"  name: {context}\n"
        f"current-context: {context}\n"
        "kind: Config\n" + ("preferences: {}\n" if spec.empty_preferences else "") + "users:\n"
        f"- name: {user}\n"
        "  user:\n"
        f"    client-certificate-data: {certificate}\n"
        f"    client-key-data: {key}\n"
    )


_PLAIN = re.compile("[A-Za-z][-A-Za-z0-9:@./]*[-A-Za-z0-9./]")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null"}


def scalar(name: str) -> str:
    """A string as YAML: plain where nothing can misread it, else in double quotes."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in _WORDS else json.dumps(name)


def client_certificate(spec: KubeconfigSpec) -> catalog.CertSpec:
    """The certificate that is embedded in a kubeconfig; it has no files of its own."""
    return catalog.CertSpec(
        spec.name,
        spec.purpose,
        "",
        "",
        spec.user,
        spec.organizations,
        (catalog.Usage.CLIENT,),
        ca_certificate=spec.ca_certificate,
        ca_key=spec.ca_key,
        days=spec.days,
        algorithm=spec.algorithm,
    )
