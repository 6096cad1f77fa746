"""The machines of the Inventory as nodes of the model, with what kubeadm's documents say of them."""

import ipaddress

from hardway.config import kubeadm as api
from hardway.config.flags import Flags
from hardway.config.inventory import NodeEntry
from hardway.config.machines import POD_PREFIX
from hardway.config.sources import Sources
from hardway.features import V1BETA3
from hardway.gotypes.durations import seconds
from hardway.model import Args, Facts, Node, OsFamily, Patches, Registration, Role, Ssh, Taint


def nodes(sources: Sources) -> tuple[Node, ...]:
    """In the order of the inventory."""
    shares = _pod_shares(sources)
    return tuple(_node(sources, entry, shares.get(entry.name, "")) for entry in sources.inventory.nodes)


def pod_network(sources: Sources) -> str:
    """Network of which the nodes have shares."""
    return sources.inventory.network.pod_cidr or sources.cluster.networking.pod_subnet.split(",")[0]


def _pod_shares(sources: Sources) -> dict[str, str]:
    """Each Kubernetes node's part of the pod network, in the order of the inventory, where it names none."""
    inventory = sources.inventory
    if inventory.network.kind != "bridge":
        return {}
    whole = ipaddress.ip_network(pod_network(sources).split(",")[0])
    parts = whole.subnets(new_prefix=max(POD_PREFIX[whole.version], whole.prefixlen))
    taken = [ipaddress.ip_network(entry.pod_cidr) for entry in inventory.nodes if entry.pod_cidr]
    shares: dict[str, str] = {}
    for entry in inventory.nodes:
        if entry.pod_cidr:
            shares[entry.name] = entry.pod_cidr
        elif {"control-plane", "worker"} & set(entry.roles):
            shares[entry.name] = str(next(part for part in parts if not any(part.overlaps(one) for one in taken)))
    return shares


def _node(sources: Sources, entry: NodeEntry, pod_cidr: str) -> Node:
    full = sources.full_name(entry.name)
    init, join = sources.init, sources.join
    first = entry is sources.first_master
    registration = init.node_registration if first else join.node_registration
    endpoint = (
        init.local_api_endpoint if first else join.control_plane.local_api_endpoint if join.control_plane else None
    )
    taints = entry.taints if entry.taints is not None else registration.taints
    base, own = sources.inventory.ssh, entry.ssh
    return Node(
        name=full,
        host_name=full.split(".")[0],
        address=str(ipaddress.ip_address(entry.address)),
        roles=frozenset(Role(role) for role in entry.roles),
        bind_port=endpoint.bind_port if endpoint else 6443,
        startup_seconds=_startup_seconds(sources, first=first),
        timeouts=_timeouts(init.timeouts if first else join.timeouts),
        pod_cidr=pod_cidr,
        registration=Registration(
            _socket(registration),
            _kubelet_args(registration.kubelet_extra_args, entry.kubelet_extra_args),
            None if taints is None else tuple(Taint(t.key, t.effect, t.value) for t in taints),
            tuple(registration.ignore_preflight_errors),
            registration.image_pull_policy,
        ),
        patches=sources.patches.get(sources.patches_of(first=first), Patches()),
        ssh=Ssh(
            own.host,
            own.port or base.port,
            own.user or base.user,
            own.identity_file or base.identity_file,
            own.config_file or base.config_file,
            own.transport or base.transport or "asyncssh",
        ),
        facts=Facts(
            os_family=OsFamily(entry.facts.os_family),
            arch=entry.facts.arch,
            resolved=entry.facts.resolved,
            ca_directories=tuple(entry.facts.ca_directories),
            interface=entry.facts.interface,
        ),
    )


def _kubelet_args(shared: Flags, own: Flags) -> Args:
    """The Inventory's win over those of kubeadm's document. A map is sorted, as kubeadm sorts it."""
    kept = [pair for pair in shared.pairs if own.get(pair[0]) is None]
    merged = (*kept, *own.pairs)
    return merged if shared.listed or own.listed else tuple(sorted(merged))


def _startup_seconds(sources: Sources, *, first: bool) -> float:
    """v1beta4 says it for each kind of node; whether v1beta3's field counts depends on the minor."""
    decides = sources.features.startup_timeout_of
    is_old = sources.cluster.api_version == V1BETA3
    if is_old and (decides == "all masters" or (first and decides == "the first master")):
        return seconds(sources.cluster.api_server.timeout_for_control_plane) or 0
    timeouts = sources.init.timeouts if first else sources.join.timeouts
    return seconds(timeouts.control_plane_component_health_check) or 0


def _timeouts(given: api.Timeouts) -> tuple[tuple[str, str], ...]:
    """As the user wrote them."""
    others = given.model_dump(by_alias=True, exclude_unset=True, exclude={"control_plane_component_health_check"})
    return tuple((name, str(text)) for name, text in others.items() if text)


def _socket(registration: api.NodeRegistration) -> str:
    """kubeadm puts the scheme before a bare path."""
    socket = registration.cri_socket
    return socket if socket.startswith("unix://") else f"unix://{socket}"
