"""From checked documents to the frozen model: defaults as kubeadm's, and all that follows from them. Pure."""

import ipaddress
import re
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hardway import versions
from hardway.config import bootstrap_tokens, cluster_configuration, downloads, kube_proxy, kubelet, supply
from hardway.config import kubeadm as api
from hardway.config.nodes import nodes, pod_network
from hardway.config.sources import Sources
from hardway.features import Features
from hardway.gotypes.durations import seconds
from hardway.gotypes.paths import clean
from hardway.model import (
    Args,
    Balancer,
    Certificates,
    Cluster,
    Component,
    Endpoint,
    EtcdExternal,
    EtcdLocal,
    HostVolume,
    Network,
    Networking,
    Node,
    Paths,
    Role,
    argument,
    authorization_modes,
    freeze_document,
)

DAY = 24 * 3600
ADDONS = {"dns": "addon/coredns", "proxy": "addon/kube-proxy"}
"""Field of ClusterConfiguration to the phase that it disables."""
NEW_ETCD = (3, 6, 0)
SEMANTIC = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?P<pre>-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def derive(sources: Sources) -> Cluster:
    """The model of checked documents."""
    config, inventory = sources.cluster, sources.inventory
    release = sources.release or versions.release(config.kubernetes_version)
    release = replace(release, features=release.features.chosen(config.feature_gates))
    skipped = _skipped(sources)
    networking = Networking(
        tuple(config.networking.service_subnet.split(",")),
        tuple(config.networking.pod_subnet.split(",")) if config.networking.pod_subnet else (),
        config.networking.dns_domain,
    )
    members = nodes(sources)
    paths = Paths(
        pki=clean(config.certificates_dir),
        pki_given=config.certificates_dir,
        joining_ca=clean(sources.join.ca_cert_path),
    )
    master = next(node for node in members if node.is_control_plane)
    endpoint = _endpoint(config.control_plane_endpoint, master)
    proxy = kube_proxy.stored(sources.given("KubeProxyConfiguration"), networking, master.address, release.features)
    return Cluster(
        name=config.cluster_name,
        base_domain=inventory.base_domain,
        release=release,
        endpoint=endpoint,
        nodes=members,
        networking=networking,
        paths=paths,
        image_repository=config.image_repository,
        coredns_image=_coredns(config, release),
        pause_image=f"{config.image_repository}/pause:{release.pause_image_tag}",
        api_server=_api_server(config, release.features),
        api_server_timeout=int(seconds(config.api_server.timeout_for_control_plane) or 0),
        controller_manager=_component(config.controller_manager),
        scheduler=_component(config.scheduler),
        etcd=_etcd(config, release),
        feature_gates=MappingProxyType(dict(config.feature_gates)),
        certificates=_certificates(config),
        skip_phases=skipped,
        token_ttl=int(seconds(inventory.token_ttl) or 0),
        bootstrap_tokens=bootstrap_tokens.tokens(sources.init),
        approve_serving_certificates=inventory.approve_serving_certificates,
        cluster_configuration=freeze_document(
            cluster_configuration.stored(
                _normal(sources, release.features),
                _stored_endpoint(config.control_plane_endpoint, endpoint),
                release.features.upload_config_api,
                {name: phase in skipped or "addon" in skipped for name, phase in ADDONS.items()},
                http_endpoints=release.features.external_etcd_http_endpoints,
            )
        ),
        kubelet_configuration=freeze_document(
            kubelet.stored(sources.given("KubeletConfiguration"), networking, paths.pki, release.features)
        ),
        kubelet_configuration_given="KubeletConfiguration" in sources.documents,
        kube_proxy_configuration=freeze_document(proxy),
        kube_proxy_configuration_given="KubeProxyConfiguration" in sources.documents,
        downloads=downloads.sources(inventory, release),
        containerd=freeze_document(inventory.containerd.cri),
        registries=supply.registries(sources),
        proxy=supply.proxy(sources, networking, endpoint.host, pod_network(sources), members),
        files=MappingProxyType(dict(sources.files)),
        network=Network(inventory.network.kind, pod_network(sources)),
        balancer=_balancer(sources, members),
        manifests=tuple(sources.manifests),
    )


def _balancer(sources: Sources, members: tuple[Node, ...]) -> Balancer:
    """The endpoint's name leads where the inventory says, else to the first balancer, else to the first master."""
    given = sources.inventory.load_balancer
    balancers = [node for node in members if Role.LOAD_BALANCER in node.roles]
    masters = [node for node in members if node.is_control_plane]
    return Balancer(
        str(ipaddress.ip_address(given.virtual_address or given.address or (balancers or masters)[0].address)),
        given.port,
        bool(given.virtual_address),
        given.virtual_router_id,
    )


def _coredns(config: api.ClusterConfiguration, release: versions.Release) -> str:
    """kubeadm keeps CoreDNS in a folder of its own in the default registry only."""
    repository = config.dns.image_repository or config.image_repository
    is_default = repository == "registry.k8s.io"
    return (
        f"{repository}{'/coredns' if is_default else ''}/coredns:{config.dns.image_tag or release.coredns_image_tag}"
    )


def _endpoint(text: str, master: Node) -> Endpoint:
    """Where no port is given kubeadm takes the one of the first master's API server; where nothing is, that server."""
    if not text:
        return Endpoint(master.address, master.bind_port)
    host, _, port = text.rpartition(":") if _has_port(text) else (text.rstrip(":"), "", "")
    return Endpoint(host.strip("[]"), int(port or master.bind_port))


def _stored_endpoint(text: str, read: Endpoint) -> str:
    """kubeadm stores it as it is written, brackets around a name or an IPv4 address and all, unless it adds the port."""
    return text if not text or _has_port(text) else read.url.removeprefix("https://")


def _has_port(text: str) -> bool:
    """The endpoint ends with a port (and is not a bare IPv6 address)."""
    head, colon, tail = text.rpartition(":")
    return bool(colon) and tail.isdigit() and (":" not in head or head.endswith("]"))


def _component(config: api.ControlPlaneComponent, cert_sans: tuple[str, ...] = ()) -> Component:
    volumes = tuple(
        HostVolume(v.name, v.host_path, v.mount_path, v.read_only, v.path_type) for v in config.extra_volumes
    )
    return Component(config.extra_args.pairs, volumes, cert_sans, _envs(config.extra_envs))


def _api_server(config: api.ClusterConfiguration, features: Features) -> Component:
    found = _component(config.api_server, tuple(name.lower() for name in config.api_server.cert_sans))
    return replace(found, extra_args=_with_modes(found.extra_args)) if features.authorization_mode_stored else found


def _envs(given: list[api.EnvVar]) -> tuple[tuple[str, str], ...]:
    return tuple((env.name, env.value) for env in given)


def _certificates(config: api.ClusterConfiguration) -> Certificates:
    """The feature gate, where it is named at all, wins over the field (`EncryptionAlgorithmType`)."""
    ecdsa = config.feature_gates.get("PublicKeysECDSA")
    algorithm = config.encryption_algorithm if ecdsa is None else "ECDSA-P256" if ecdsa else "RSA-2048"
    leaf, authority = seconds(config.certificate_validity_period), seconds(config.ca_certificate_validity_period)
    return Certificates(algorithm, (leaf or 0) / DAY, (authority or 0) / DAY)


def _skipped(sources: Sources) -> tuple[str, ...]:
    """skipPhases, and the addons that ClusterConfiguration disables (kubeadm `app/cmd/init.go`, manageSkippedAddons)."""
    disabled = {"dns": sources.cluster.dns.disabled, "proxy": sources.cluster.proxy.disabled}
    return (*sources.init.skip_phases, *(phase for name, phase in ADDONS.items() if disabled[name]))


def _with_modes(args: Args) -> Args:
    """With authorization-mode among them, and no mode that kubeadm does not know."""
    modes = authorization_modes(argument(args, "authorization-mode"))
    return tuple(sorted({**dict(args), "authorization-mode": modes}.items()))


def _normal(sources: Sources, features: Features) -> dict[str, Any]:
    """ClusterConfiguration as the user wrote it, with what the kubeadm of 1.29 puts into it."""
    given = sources.given("ClusterConfiguration")
    if features.authorization_mode_stored:
        server = given.get("apiServer") or {}
        args = tuple((server.get("extraArgs") or {}).items())
        given["apiServer"] = {**server, "extraArgs": dict(_with_modes(args))}
    return given


def _etcd(config: api.ClusterConfiguration, release: versions.Release) -> EtcdLocal | EtcdExternal:
    if (external := config.etcd.external) is not None:
        endpoints = tuple(external.endpoints)
        files = (external.ca_file, external.cert_file, external.key_file)
        return EtcdExternal(endpoints, *files, tuple(external.http_endpoints) or endpoints)
    local = config.etcd.local or api.LocalEtcd()
    tag = local.image_tag or release.etcd_image_tag
    return EtcdLocal(
        local.data_dir,
        local.extra_args.pairs,
        tuple(local.server_cert_sans),
        tuple(local.peer_cert_sans),
        f"{local.image_repository or config.image_repository}/etcd:{tag}",
        _envs(local.extra_envs),
        release.features.etcd_final_flags or (release.features.etcd_flags_by_version and _is_new_etcd(tag)),
    )


def _is_new_etcd(tag: str) -> bool:
    """kubeadm reads the image's tag as a semantic version, and compares it with 3.6.0."""
    found = SEMANTIC.fullmatch(tag)
    if found is None:
        return False
    number = tuple(int(part) for part in found.groups()[:3])
    return number > NEW_ETCD or (number == NEW_ETCD and not found["pre"])
