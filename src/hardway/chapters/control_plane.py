"""Static pods of the control plane (article chapters 19 and 20, kubeadm phase `control-plane`).

Source: kubeadm v1.30.4 `app/phases/controlplane/{manifests,volumes}.go`.
"""

from collections.abc import Iterator, Mapping

from hardway.chapters import external_etcd
from hardway.chapters.chapter import Chapter
from hardway.chapters.discovery import verified_curl
from hardway.chapters.static_pods import (
    FILE,
    LIVENESS_FAILURES,
    READINESS_FAILURES,
    Probe,
    environment_of,
    flags,
    host_volume,
    pod,
    probe_address,
    startup_failures,
)
from hardway.model import Args, Cluster, Component, Document, HostVolume, Node, argument, authorization_modes
from hardway.patches.apply import patched
from hardway.steps import Check, Directory, StaticPod, Step
from hardway.steps.shell import quote

FLEXVOLUMES = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec"
HEALTH_PORTS = {"kube-controller-manager": 10257, "kube-scheduler": 10259}


def kube_apiserver(cluster: Cluster, node: Node) -> Document:
    """The manifest of kube-apiserver on one master."""
    pki, networking, features = cluster.paths.pki, cluster.networking, cluster.release.features
    extra = cluster.api_server.extra_args
    defaults = {
        "advertise-address": node.address,
        "allow-privileged": "true",
        "client-ca-file": f"{pki}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        **external_etcd.flags(cluster, node),
        "kubelet-client-certificate": f"{pki}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{pki}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "proxy-client-cert-file": f"{pki}/front-proxy-client.crt",
        "proxy-client-key-file": f"{pki}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "secure-port": str(node.bind_port),
        "service-account-issuer": f"https://kubernetes.default.svc.{networking.dns_domain}",
        "service-account-key-file": f"{pki}/sa.pub",
        "service-account-signing-key-file": f"{pki}/sa.key",
        "service-cluster-ip-range": ",".join(networking.service_subnets),
        "tls-cert-file": f"{pki}/apiserver.crt",
        "tls-private-key-file": f"{pki}/apiserver.key",
    }
    if not any(name == "authorization-config" for name, _ in extra):
        defaults["authorization-mode"] = authorization_modes(argument(extra, "authorization-mode"))
    probe = Probe(node.address, node.bind_port, named=features.named_probe_ports)
    return pod(
        features,
        "kube-apiserver",
        cluster.image("kube-apiserver"),
        flags(features, defaults, extra),
        [
            *_certificate_volumes(cluster, node),
            *external_etcd.volumes(cluster),
            *cluster.api_server.extra_volumes,
        ],
        probe,
        {
            "livenessProbe": probe.to_value("/livez", LIVENESS_FAILURES),
            "readinessProbe": probe.to_value("/readyz", READINESS_FAILURES, delay=0, period=1),
            "startupProbe": probe.to_value("/livez", startup_failures(node)),
        },
        {"cpu": "250m"},
        {
            "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": (
                f"{_bracketed(node.address)}:{node.bind_port}"
            )
        },
        environment=_environment(cluster, cluster.api_server),
    )


def kube_controller_manager(cluster: Cluster, node: Node) -> Document:
    """The manifest of kube-controller-manager on one master."""
    pki, networking, features = cluster.paths.pki, cluster.networking, cluster.release.features
    extra = cluster.controller_manager.extra_args
    kubeconfig = f"{cluster.paths.kubernetes}/controller-manager.conf"
    defaults = {
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "client-ca-file": f"{pki}/ca.crt",
        "cluster-name": cluster.name,
        "cluster-signing-cert-file": f"{pki}/ca.crt",
        "cluster-signing-key-file": f"{pki}/ca.key",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "kubeconfig": kubeconfig,
        "leader-elect": "true",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt",
        "root-ca-file": f"{pki}/ca.crt",
        "service-account-private-key-file": f"{pki}/sa.key",
        "use-service-account-credentials": "true",
    }
    if networking.pod_subnets:
        defaults |= {
            "allocate-node-cidrs": "true",
            "cluster-cidr": ",".join(networking.pod_subnets),
            "service-cluster-ip-range": ",".join(networking.service_subnets),
        }
    probe = Probe(probe_address(extra), HEALTH_PORTS["kube-controller-manager"], named=features.named_probe_ports)
    return pod(
        features,
        "kube-controller-manager",
        cluster.image("kube-controller-manager"),
        flags(features, defaults, extra),
        [
            *_certificate_volumes(cluster, node),
            host_volume("kubeconfig", kubeconfig, FILE),
            *(_flexvolumes(extra) if features.flexvolumes else ()),
            *cluster.controller_manager.extra_volumes,
        ],
        probe,
        {
            "livenessProbe": probe.to_value("/healthz", LIVENESS_FAILURES),
            "startupProbe": probe.to_value("/healthz", startup_failures(node)),
        },
        {"cpu": "200m"},
        environment=_environment(cluster, cluster.controller_manager),
    )


def _flexvolumes(extra: Args) -> tuple[HostVolume, ...]:
    path = argument(extra, "flex-volume-plugin-dir", FLEXVOLUMES)
    return (host_volume("flexvolume-dir", path, read_only=False),)


def kube_scheduler(cluster: Cluster, node: Node) -> Document:
    """The manifest of kube-scheduler; it is the same on every master."""
    features, extra = cluster.release.features, cluster.scheduler.extra_args
    kubeconfig = f"{cluster.paths.kubernetes}/scheduler.conf"
    defaults = {
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "kubeconfig": kubeconfig,
        "leader-elect": "true",
    }
    probe = Probe(probe_address(extra), HEALTH_PORTS["kube-scheduler"], named=features.named_probe_ports)
    alive = "/livez" if features.scheduler_livez else "/healthz"
    ready = {"readinessProbe": probe.to_value("/readyz", READINESS_FAILURES, delay=0, period=1)}
    return pod(
        features,
        "kube-scheduler",
        cluster.image("kube-scheduler"),
        flags(features, defaults, extra),
        [host_volume("kubeconfig", kubeconfig, FILE), *cluster.scheduler.extra_volumes],
        probe,
        {
            "livenessProbe": probe.to_value(alive, LIVENESS_FAILURES),
            **(ready if features.scheduler_livez else {}),
            "startupProbe": probe.to_value(alive, startup_failures(node)),
        },
        {"cpu": "100m"},
        environment=_environment(cluster, cluster.scheduler),
    )


def _environment(cluster: Cluster, component: Component) -> Mapping[str, str]:
    return environment_of(cluster.proxy, component.extra_envs)


COMPONENTS = {
    "apiserver": "the API: everything else talks through it, and only it talks to etcd",
    "controller-manager": "turns what the API is told into what is so",
    "scheduler": "finds a node for each pod",
}
"""kubeadm's name of each, and what it is for."""
_BUILT = {"apiserver": kube_apiserver, "controller-manager": kube_controller_manager, "scheduler": kube_scheduler}


def manifest(cluster: Cluster, node: Node, name: str) -> Document:
    """The manifest of one of them, with the node's patches."""
    return patched(node, f"kube-{name}", _BUILT[name](cluster, node), cluster.release.features)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield manifests_directory(cluster)
    for name, why in COMPONENTS.items():
        path = f"{cluster.paths.manifests}/kube-{name}.yaml"
        yield StaticPod(f"control-plane/{name}", path, manifest(cluster, node, name), why)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    get = f"{verified_curl(quote(cluster.paths.ca))} -f -o /dev/null"
    yield Check(
        "the API server of this node to be ready",
        f"{get} {quote(f'https://{_bracketed(node.address)}:{node.bind_port}/readyz')} 2>&1\n",
        hint="crictl ps -a, or journalctl -u kubelet, tells why it does not run",
    )
    yield from map(healthy, HEALTH_PORTS)


def healthy(name: str) -> Check:
    """kube-controller-manager or kube-scheduler of the node says that it is well."""
    return Check(
        f"{name} of this node to be healthy",
        # Its serving certificate is self-signed in memory; no credential is sent.
        f"curl -sS -m 5 -o /dev/null -f -k https://127.0.0.1:{HEALTH_PORTS[name]}/healthz 2>&1\n",
        hint="crictl ps -a, or journalctl -u kubelet, tells why it does not run",
    )


def manifests_directory(cluster: Cluster) -> Directory:
    """staticPodPath; manifests can carry secrets in flags, so only root reads them."""
    return Directory("control-plane/manifests", cluster.paths.manifests, 0o700, why="the kubelet runs what lies here")


def _certificate_volumes(cluster: Cluster, node: Node) -> Iterator[HostVolume]:
    yield host_volume("k8s-certs", cluster.paths.pki_mounted)
    yield host_volume("ca-certs", "/etc/ssl/certs")
    for path in cluster.release.features.ca_directories:
        if path in node.facts.ca_directories or external_etcd.lies_below(cluster, path):
            yield host_volume(path[1:].replace("/", "-"), path)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


CONTROL_PLANE = Chapter(
    "control-plane",
    "Static pods of the control plane",
    (19, 20),
    "control-plane all",
    "control-plane-prepare control-plane",
    steps=steps,
    checks=checks,
)
