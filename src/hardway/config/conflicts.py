"""Flags that contradict what the same cluster.yaml says elsewhere: kubeadm takes them, and the cluster does not work."""

from collections.abc import Iterator, Mapping

from hardway.config.document import SourceDocument
from hardway.config.flags import Flags
from hardway.config.kubeadm import LocalEtcd
from hardway.config.problems import Problem
from hardway.config.sources import Sources

PER_NODE = {
    "apiServer": ("advertise-address",),
    "etcd": (
        "name",
        "initial-advertise-peer-urls",
        "initial-cluster",
        "initial-cluster-state",
    ),
}
"""Flags whose value is each master's own; extraArgs are the same for all.

advertise-client-urls is none of them: one name may lead to all members.
"""


def problems(sources: Sources) -> Iterator[Problem]:
    """Every flag that says something else than the field that decides it."""
    about, cluster = sources.documents["ClusterConfiguration"], sources.cluster
    local, networking = cluster.etcd.local or LocalEtcd(), cluster.networking
    masters = sum("control-plane" in node.roles for node in sources.inventory.nodes)
    components: tuple[tuple[str, tuple[str, ...], Flags, Mapping[str, tuple[str, str]]], ...] = (
        (
            "apiServer",
            ("apiServer", "extraArgs"),
            cluster.api_server.extra_args,
            {"service-cluster-ip-range": ("networking.serviceSubnet", networking.service_subnet)},
        ),
        (
            "controllerManager",
            ("controllerManager", "extraArgs"),
            cluster.controller_manager.extra_args,
            {
                "service-cluster-ip-range": ("networking.serviceSubnet", networking.service_subnet),
                **(
                    {"cluster-cidr": ("networking.podSubnet", networking.pod_subnet)} if networking.pod_subnet else {}
                ),
                "cluster-name": ("clusterName", cluster.cluster_name),
            },
        ),
        (
            "etcd",
            ("etcd", "local", "extraArgs"),
            local.extra_args,
            {"data-dir": ("etcd.local.dataDir", local.data_dir)},
        ),
    )
    for name, path, given, decided in components:
        yield from _contradictions(about, path, given, decided)
        for flag in PER_NODE.get(name, ()) if masters > 1 else ():
            if given.get(flag) is not None:
                yield about.problem(
                    (*path, *given.place(flag)),
                    f"`{flag}` would be the same on {masters} masters",
                    "remove it: each master gets its own",
                )


def _contradictions(
    about: SourceDocument, path: tuple[str, ...], given: Flags, decided: Mapping[str, tuple[str, str]]
) -> Iterator[Problem]:
    for flag, (field, value) in decided.items():
        said = given.get(flag)
        if said is not None and said != value:
            yield about.problem(
                (*path, *given.place(flag)),
                f"`{flag}` is `{said}`, but {field} is `{value}`",
                "remove the flag, or change both",
            )
