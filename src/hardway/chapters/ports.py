"""The table of ports, asked of a cluster that runs (article chapter 3): who listens, and who reaches whom.

Before anything is installed the same table says what must be free: here for balancers, else in `preflight_table`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.model.ports import Port, clients, ports
from hardway.steps import Check, Severity
from hardway.steps.shell import for_each, quote

LIMIT = 3
"""Seconds for a connection: a firewall that drops packets never answers."""


def listening(port: Port) -> Check:
    """Somebody listens, and nobody on an address from which the network could reach what is meant for localhost."""
    where = "on localhost" if port.is_local else "for others"
    # Column 4 is ADDRESS:PORT, with % and the interface's name behind some addresses.
    found = f"found=\"$(ss -Hltn 'sport = :{port.number}' | awk '{{ print $4 }}' | sort -u | tr '\\n' ' ')\"\n"
    nobody = '[ -n "$found" ] || { echo "nobody listens"; exit 1; }\n'
    loopback = "127.*:* | '[::1]:'* | '[::ffff:127.'*"
    if port.is_local:
        loop = (
            f'for one in $found; do\n  case "$one" in\n    {loopback}) ;;\n'
            '    *) echo "it listens on $one, where others reach it"; exit 1 ;;\n  esac\ndone\n'
        )
    else:
        loop = (
            f'for one in $found; do\n  case "$one" in\n    {loopback}) ;;\n    *) exit 0 ;;\n  esac\ndone\n'
            'echo "it listens on $found, where nobody else reaches it"\nexit 1\n'
        )
    return Check(
        f"{port.component} to listen {where}, port {port} ({port.purpose})",
        found + nobody + loop,
        hint=f"ss -ltnp 'sport = :{port.number}' tells who listens; hardway render ports prints who should"
        + (
            "; its pod may still be starting: kubectl -n kube-system get pods"
            if port.component == "kube-proxy"
            else ""
        ),
    )


def reaching(port: Port, targets: Iterable[Node]) -> Check:
    """Connections to this port of other machines, tried side by side. The other side sees one that says nothing."""
    addresses = [node.address for node in targets]
    listed = ", ".join(addresses) if len(addresses) <= 4 else f"{len(addresses)} nodes"
    loop = for_each("address", [quote(address) for address in addresses], 'try "$address" &\n')
    return Check(
        f"port {port} ({port.component}) of {listed} to be reachable from here",
        "try() {\n"
        f'  timeout {LIMIT} bash -c ": <>/dev/tcp/$1/{port.number}" 2>/dev/null && return\n'
        '  case "$?" in 124) echo "$1 (no answer)" ;; *) echo "$1 (refused)" ;; esac\n}\n'
        f"lost=\"$({{\n{loop}wait\n}} | sort | tr '\\n' ' ')\"\n"
        '[ -z "$lost" ] || { echo "no connection to $lost"; exit 1; }\n',
        hint=f"no answer: a firewall there or on the way, see `hardway render ports`: firewall-cmd --permanent --add-port={port}/tcp"
        f" && firewall-cmd --reload, or ufw allow {port}/tcp; refused: nobody listens there",
    )


def routes(cluster: Cluster, node: Node) -> Iterator[tuple[Port, tuple[Node, ...]]]:
    """What this node must reach: each kind of port, with the machines that have it."""
    found: dict[tuple[str, int], tuple[Port, tuple[Node, ...]]] = {}
    for other in cluster.nodes:
        for port in ports(cluster, other):
            if port.is_open and node in clients(cluster, port, other):
                _, already = found.get((port.component, port.number), (port, ()))
                found[port.component, port.number] = (port, (*already, other))
    yield from found.values()


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    """After the installation."""
    for port in ports(cluster, node):
        if port.is_open:
            yield listening(port)
    for port, targets in routes(cluster, node):
        yield reaching(port, targets)


def free(port: int, severity: Severity = Severity.ERROR) -> Check:
    """kubeadm's question before anything is installed."""
    matching = quote(f"sport = :{port}")
    return Check(
        f"port {port} to be free",
        f'[ -z "$(ss -Hltn {matching})" ] || {{ echo "it is in use"; exit 1; }}\n',
        f"ss -ltnp {matching} tells by whom",
        severity,
        f"Port-{port}",
    )


def before(cluster: Cluster, node: Node) -> Iterator[Check]:
    """A balancer's port, which preflight does not ask for; a balancer that serves already may have it."""
    if node in cluster.balancers and not node.is_control_plane:
        check = free(cluster.balancer.port)
        listed = f"ss -Hltnp 'sport = :{cluster.balancer.port}'"
        yield replace(check, script=f"! {listed} | grep -qF '((\"haproxy\",' || exit 0\n{check.script}")


PORTS = Chapter("ports", "Ports of the nodes", (3,), optional=True, checks=checks, before=before)
