"""The table of ports (article chapter 3; Kubernetes' page "Ports and Protocols"): what listens where, and for whom.

What preflight asks to be free, what `check` asks to be open, and what `render ports` prints are all read from here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from hardway.gotypes.urls import place
from hardway.model.args import argument
from hardway.model.cluster import Cluster
from hardway.model.node import Node, Role
from hardway.model.value import Document

API_SERVER = 6443
ETCD_CLIENT = 2379
ETCD_PEER = 2380
ETCD_METRICS = 2381
CONTROLLER_MANAGER = 10257
SCHEDULER = 10259
KUBELET = 10250
KUBELET_HEALTHZ = 10248
PROXY_HEALTHZ = 10256
PROXY_METRICS = 10249
VRRP = 112
"""IP protocol (RFC 9568)."""
NODE_PORTS = "30000-32767"
"""--service-node-port-range of the API server."""

MASTERS = (Role.CONTROL_PLANE,)
NODES = (Role.CONTROL_PLANE, Role.WORKER)
ALL = (Role.CONTROL_PLANE, Role.WORKER, Role.LOAD_BALANCER)


@dataclass(frozen=True)
class Port:
    """One row: a TCP port of one node, a range of them, or a protocol that has none."""

    number: int
    component: str
    purpose: str
    clients: tuple[Role, ...] = ()
    """Roles of the machines that must reach it; none: only the node itself."""
    outside: str = ""
    """Who reaches it from outside of the inventory."""
    is_local: bool = False
    """It listens on loopback only."""
    last: int = 0
    """Last port of a range, in which nothing listens by itself."""
    protocol: Literal["tcp", "vrrp"] = "tcp"
    """vrrp: the number is the IP protocol's own."""

    @property
    def is_range(self) -> bool:
        return self.last > self.number

    @property
    def is_open(self) -> bool:
        """Somebody listens, and connections can be tried."""
        return self.protocol == "tcp" and not self.is_range

    @property
    def reachable_from(self) -> str:
        """Who must reach it, in words."""
        if self.is_local:
            return "localhost"
        return ", ".join(filter(None, (*self.clients, self.outside))) or "this node"

    def __str__(self) -> str:
        """As firewalls write it: `6443`, `30000-32767`; of a protocol without ports its number."""
        return f"{self.number}-{self.last}" if self.is_range else str(self.number)


def ports(cluster: Cluster, node: Node) -> tuple[Port, ...]:
    """All rows of one node, by its roles and by what the flags and documents of the cluster say."""
    rows: list[Port] = []
    if node.is_control_plane:
        rows += _control_plane(cluster, node)
    if node.is_kubernetes:
        rows += _kubernetes(cluster)
    if Role.LOAD_BALANCER in node.roles:
        rows.append(Port(cluster.balancer.port, "load balancer", "the API, for everybody", NODES, "users of the API"))
        if cluster.balancer.virtual:
            balancers = (Role.LOAD_BALANCER,)
            rows.append(Port(VRRP, "keepalived", "who holds the virtual address", balancers, protocol="vrrp"))
    # On a machine with both roles balancer and API server cannot share a port; what is listed first stands.
    return tuple({row.number: row for row in reversed(rows)}.values())[::-1]


def clients(cluster: Cluster, port: Port, node: Node) -> tuple[Node, ...]:
    """The other machines that must reach this port of the node."""
    wanted = set(port.clients)
    return tuple(other for other in cluster.nodes if other != node and other.roles & wanted)


def _control_plane(cluster: Cluster, node: Node) -> Iterator[Port]:
    yield Port(node.bind_port, "kube-apiserver", "the API", ALL, "users of the API")
    if cluster.runs_member(node):
        yield from _etcd(cluster)
    for name, component, number in (
        ("kube-controller-manager", cluster.controller_manager, CONTROLLER_MANAGER),
        ("kube-scheduler", cluster.scheduler, SCHEDULER),
    ):
        local = _is_loopback(argument(component.extra_args, "bind-address", "127.0.0.1"))
        given = argument(component.extra_args, "secure-port")
        if port := int(given) if given.isdecimal() else number:
            yield Port(port, name, "metrics and health", is_local=local, outside=_scrapers(local))


def _etcd(cluster: Cluster) -> Iterator[Port]:
    yield Port(ETCD_CLIENT, "etcd", "clients: API servers, etcdctl, joining masters", MASTERS)
    yield Port(ETCD_PEER, "etcd", "members among each other", MASTERS)
    given = cluster.stacked_etcd.extra_args
    metrics = argument(given, "listen-metrics-urls", f"http://127.0.0.1:{ETCD_METRICS}")
    for number, local in _listeners(metrics.split(","), ETCD_METRICS):
        yield Port(number, "etcd", "metrics and health, without TLS", is_local=local, outside=_scrapers(local))


def _kubernetes(cluster: Cluster) -> Iterator[Port]:
    kubelet, proxy = cluster.kubelet_configuration, cluster.kube_proxy_configuration
    yield Port(_number(kubelet, "port", 0) or KUBELET, "kubelet", "its API: logs, exec, metrics", MASTERS)
    if read_only := _number(kubelet, "readOnlyPort", 0):
        yield Port(read_only, "kubelet", "its API without a login, read-only", outside=_scrapers(local=False))
    if healthz := _number(kubelet, "healthzPort", KUBELET_HEALTHZ):
        local = _is_loopback(str(kubelet.get("healthzBindAddress") or "127.0.0.1"))
        yield Port(healthz, "kubelet", "health", is_local=local, outside=_scrapers(local))
    if not cluster.skips("addon/kube-proxy"):
        for field, fallback, purpose, outside in (
            ("healthzBindAddress", ("0.0.0.0", PROXY_HEALTHZ), "health", "load balancers of Services"),
            ("metricsBindAddress", ("127.0.0.1", PROXY_METRICS), "metrics", "who collects metrics"),
        ):
            given = f"tcp://{proxy.get(field) or f'{fallback[0]}:{fallback[1]}'}"
            for number, local in _listeners([given], fallback[1]):
                yield Port(number, "kube-proxy", purpose, is_local=local, outside="" if local else outside)
    first, _, last = argument(cluster.api_server.extra_args, "service-node-port-range", NODE_PORTS).partition("-")
    if first.isdigit() and last.isdigit():
        yield Port(int(first), "Services", "type NodePort", outside="users of such Services", last=int(last))


def _listeners(urls: Iterable[str], fallback: int) -> Iterator[tuple[int, bool]]:
    """Port numbers of URLs, and whether all of a port's addresses are loopback; what is no URL has none."""
    found: dict[int, bool] = {}
    for url in filter(None, (place(each.strip()) for each in urls)):
        number = url.port or fallback
        found[number] = found.get(number, True) and _is_loopback(url.host)
    yield from found.items()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _number(document: Document, field: str, fallback: int) -> int:
    value = document.get(field)
    return value if isinstance(value, int) else fallback


def _scrapers(local: bool) -> str:
    return "" if local else "who collects metrics"
