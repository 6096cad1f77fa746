"""Clusters for unit tests: the article's on the lab's addresses, and the smallest that is one."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from hardway.model import (
    Balancer,
    Cluster,
    Component,
    DownloadSource,
    Endpoint,
    EtcdLocal,
    HostVolume,
    Network,
    Networking,
    Node,
    Role,
    freeze_document,
)
from hardway.versions import release

ZONE = "my-first-cluster.example.com"
MIRROR = f"https://mirror.{ZONE}"
DOWNLOADS: Mapping[str, DownloadSource] = MappingProxyType(
    {
        "runc": DownloadSource("v1.1.12", f"{MIRROR}/github.com/opencontainers/runc/releases/download"),
        "containerd": DownloadSource("1.7.19", f"{MIRROR}/github.com/containerd/containerd/releases/download"),
        "kubelet": DownloadSource("v1.30.4", f"{MIRROR}/dl.k8s.io"),
        "etcd": DownloadSource("v3.5.12", f"{MIRROR}/github.com/etcd-io/etcd/releases/download"),
        "kubectl": DownloadSource("v1.30.4", f"{MIRROR}/dl.k8s.io"),
        "crictl": DownloadSource("v1.30.0", f"{MIRROR}/github.com/kubernetes-sigs/cri-tools/releases/download"),
        "kubeadm": DownloadSource("v1.30.4", f"{MIRROR}/dl.k8s.io"),
        "cni-plugins": DownloadSource("v1.4.0", f"{MIRROR}/github.com/containernetworking/plugins/releases/download"),
    }
)
"""Every component there is."""


def machine(name: str, address: str, role: Role, pod_cidr: str = "") -> Node:
    """One machine of the zone."""
    return Node(f"{name}.{ZONE}", name, address, frozenset({role}), pod_cidr=pod_cidr)


def lab_cluster() -> Cluster:
    """Three masters, a worker and a balancer, bridge network, all downloads, an audit policy."""
    return Cluster(
        name="my-first-cluster",
        base_domain="example.com",
        release=release("v1.30.4"),
        endpoint=Endpoint(f"api.{ZONE}"),
        nodes=(
            machine("master-1", "10.30.0.11", Role.CONTROL_PLANE, "10.244.0.0/24"),
            machine("master-2", "10.30.0.12", Role.CONTROL_PLANE, "10.244.1.0/24"),
            machine("master-3", "10.30.0.13", Role.CONTROL_PLANE, "10.244.2.0/24"),
            machine("worker-1", "10.30.0.21", Role.WORKER, "10.244.3.0/24"),
            machine("lb-1", "10.30.0.10", Role.LOAD_BALANCER),
        ),
        networking=Networking(("10.96.0.0/16",)),
        coredns_image="registry.k8s.io/coredns/coredns:v1.11.1",
        pause_image="registry.k8s.io/pause:3.9",
        api_server=Component(
            extra_volumes=(
                HostVolume(
                    "k8s-audit",
                    "/var/log/kubernetes/audit/",
                    "/var/log/kubernetes/audit/",
                    False,
                    "DirectoryOrCreate",
                ),
                HostVolume(
                    "k8s-audit-policy",
                    "/etc/kubernetes/audit-policy.yaml",
                    "/etc/kubernetes/audit-policy.yaml",
                    True,
                    "File",
                ),
            )
        ),
        etcd=EtcdLocal(image="registry.k8s.io/etcd:3.5.12-0"),
        downloads=DOWNLOADS,
        containerd=freeze_document({"restrict_oom_score_adj": True}),
        files=MappingProxyType({"/etc/kubernetes/audit-policy.yaml": "apiVersion: audit.k8s.io/v1\nkind: Policy\n"}),
        network=Network("bridge", "10.244.0.0/16"),
        balancer=Balancer("10.30.0.10"),
    )


def stored_cluster() -> Cluster:
    """The same as far as its own kubeadm-config tells of it, with no manifests beside kubeadm's."""
    stored = freeze_document({"apiVersion": "kubeadm.k8s.io/v1beta3"})
    return replace(lab_cluster(), manifests=(), cluster_configuration=stored)


def minimal_cluster() -> Cluster:
    """One master that is its own endpoint; nothing is downloaded, there is no pod network."""
    node = machine("master-1", "10.30.0.11", Role.CONTROL_PLANE)
    return Cluster(
        name="kubernetes",
        base_domain="example.com",
        release=release("v1.30.4"),
        endpoint=Endpoint(node.address),
        nodes=(node,),
        pause_image="registry.k8s.io/pause:3.9",
    )


def ipv6_cluster() -> Cluster:
    """The lab's cluster on IPv6 addresses and networks."""
    lab = lab_cluster()

    def moved(number: int, node: Node) -> Node:
        return replace(
            node, address=f"fd00:30::{number:x}", pod_cidr=f"fd00:244:0:{number:x}::/64" if node.pod_cidr else ""
        )

    return replace(
        lab,
        nodes=tuple(moved(number, node) for number, node in enumerate(lab.nodes, 0x10)),
        networking=Networking(("fd00:96::/112",), ("fd00:244::/48",)),
        network=Network("bridge", "fd00:244::/48"),
        balancer=Balancer("fd00:30::14"),
    )
