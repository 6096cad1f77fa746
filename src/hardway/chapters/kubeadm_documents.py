"""The documents with which a phase of kubeadm carries out a chapter on one node. Secrets stand in them as marks. Pure."""

from typing import Any

from hardway.features import V1BETA3
from hardway.model import BootstrapToken, Cluster, Document, Node, thaw


def mark(name: str) -> str:
    """Stands in a document for a run input."""
    return f"(run input {name})"


def of_init(cluster: Cluster, node: Node, inputs: tuple[str, ...]) -> list[dict[str, Any]]:
    """InitConfiguration of the first master, and what all share."""
    own: dict[str, Any] = {
        "apiVersion": _api(cluster),
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": node.bind_port},
        "nodeRegistration": _registration(cluster, node),
        **_timeouts(cluster, node),
        **_patches(node),
    }
    if "certificate-key" in inputs:
        own["certificateKey"] = mark("certificate-key")
    nodes = [name for name in inputs if name.startswith("token/")]
    if tokens := [
        *(user_token(token) for token in cluster.bootstrap_tokens if token.run_input in inputs),
        *({"token": mark(name), "ttl": f"{cluster.token_ttl}s"} for name in nodes),
    ]:
        own["bootstrapTokens"] = tokens
    shared: list[Document] = [cluster.cluster_configuration]
    if cluster.kubelet_configuration_given:
        # An empty list is not stored, and without one kubeadm would take the default.
        shared.append({"clusterDNS": (), **cluster.kubelet_configuration})
    if cluster.kube_proxy_configuration_given:
        shared.append(cluster.kube_proxy_configuration)
    return [own, *(thaw(document) for document in shared)]


def user_token(token: BootstrapToken) -> dict[str, Any]:
    """An entry of the user's own."""
    return {
        "token": mark(token.run_input),
        "ttl": f"{token.ttl}s",
        "usages": list(token.usages),
        "groups": list(token.groups),
        **({"description": token.description} if token.description else {}),
    }


def of_join(cluster: Cluster, node: Node, inputs: tuple[str, ...]) -> dict[str, Any]:
    """JoinConfiguration: kubeadm finds the rest in the cluster, after it has verified the CA."""
    own: dict[str, Any] = {
        "apiVersion": _api(cluster),
        "kind": "JoinConfiguration",
        "caCertPath": cluster.paths.joining_ca,
        "discovery": _discovery(cluster, node, inputs),
        "nodeRegistration": _registration(cluster, node),
        **_timeouts(cluster, node),
        **_patches(node),
    }
    if node.is_control_plane:
        endpoint = {"advertiseAddress": node.address, "bindPort": node.bind_port}
        own["controlPlane"] = {"localAPIEndpoint": endpoint}
        if "certificate-key" in inputs:
            own["controlPlane"]["certificateKey"] = mark("certificate-key")
    return own


def _discovery(cluster: Cluster, node: Node, inputs: tuple[str, ...]) -> dict[str, Any]:
    """How kubeadm finds the API and knows its CA."""
    if "ca-pin" not in inputs:
        return {"file": {"kubeConfigPath": f"{cluster.paths.kubernetes}/admin.conf"}}
    return {
        "bootstrapToken": {
            "token": mark(f"token/{node.name}"),
            "apiServerEndpoint": cluster.endpoint.url.removeprefix("https://"),
            "caCertHashes": [mark("ca-pin")],
        }
    }


def _registration(cluster: Cluster, node: Node) -> dict[str, Any]:
    """nodeRegistration; what the user has not chosen is kubeadm's to choose."""
    registration = node.registration
    own: dict[str, Any] = {"name": node.name, "criSocket": registration.cri_socket}
    if registration.kubelet_extra_args:
        pairs = registration.kubelet_extra_args
        own["kubeletExtraArgs"] = (
            dict(pairs) if _api(cluster) == V1BETA3 else [{"name": name, "value": value} for name, value in pairs]
        )
    if registration.taints is not None:
        own["taints"] = [
            {"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in registration.taints
        ]
    return own


def _timeouts(cluster: Cluster, node: Node) -> dict[str, Any]:
    """timeouts; v1beta3 has none, and tells of startup probes in ClusterConfiguration."""
    chosen = dict(node.timeouts)
    if node.startup_seconds != Node.startup_seconds:
        chosen["controlPlaneComponentHealthCheck"] = f"{node.startup_seconds}s"
    return {"timeouts": chosen} if chosen and _api(cluster) != V1BETA3 else {}


def _patches(node: Node) -> dict[str, Any]:
    """Chapter configure-components has put the files there."""
    return {"patches": {"directory": node.patches.directory}} if node.patches.directory else {}


def _api(cluster: Cluster) -> str:
    """The API version of all documents: that of the stored one."""
    return str(cluster.cluster_configuration["apiVersion"])
