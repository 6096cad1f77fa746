"""The balancer in front of the API (article chapter 3, which asks for one and does not say how).

Several balancers share a virtual address, see `virtual_address`.
"""

from collections.abc import Iterator

from hardway.chapters import virtual_address
from hardway.chapters.chapter import Chapter
from hardway.chapters.daemon import daemon
from hardway.chapters.proxy import env_file
from hardway.model import Cluster, Node, argument
from hardway.steps import Check, File, Packages, Step

CONFIG = "/etc/haproxy/haproxy.cfg"
UNIT = "haproxy.service"


def haproxy(cluster: Cluster) -> str:
    """haproxy.cfg: TCP through, health by /readyz of each API server."""
    servers = "".join(
        f"    server {node.host_name} {_host(node.address)}:{node.bind_port}\n" for node in cluster.control_planes
    )
    ipv6 = ":" in cluster.balancer.address
    # Without anonymous requests an API server that is ready answers 401.
    anonymous = argument(cluster.api_server.extra_args, "anonymous-auth") != "false"
    return f"""\
global
    log /dev/log local0
    user haproxy
    group haproxy

defaults
    mode tcp
    log global
    option tcplog
    option dontlognull
    timeout connect 5s
    # Watches are silent for minutes; the API server ends them itself.
    timeout client 1h
    timeout server 1h
    timeout check 3s
    # A server that does not take a connection is not insisted on.
    retries 2
    option redispatch

frontend kube-apiserver
    bind {"[::]" if ipv6 else ""}:{cluster.balancer.port}{" v4v6" if ipv6 else ""}
    default_backend kube-apiserver

backend kube-apiserver
    balance roundrobin
    # The question carries no credential and the answer decides nothing but where to send bytes: the clients verify
    # the server's certificate themselves. So the check does not need the CA, which does not exist yet.
    option httpchk GET /readyz
    http-check expect status {"200" if anonymous else "200,401"}
    # One yes is enough: the first master is served as soon as it is ready. A dead API server loses its connections
    # at once, so that clients turn to another one.
    default-server check check-ssl verify none inter 500ms fall 3 rise 1 on-marked-down shutdown-sessions
{servers}"""


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def accepts(cluster: Cluster, node: Node) -> Check:
    """The frontend listens; whether a master answers behind it is another question."""
    return Check(
        "the balancer to accept connections",
        f"(exec 3<>/dev/tcp/{node.address}/{cluster.balancer.port}) 2>/dev/null || {{ echo 'refused'; exit 1; }}\n",
        hint=f"journalctl -u haproxy; haproxy -c -f {CONFIG}",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield Packages(
        "load-balancer/packages",
        ("haproxy", "keepalived") if cluster.balancer.virtual else ("haproxy",),
        node.facts.os_family,
        env_file(cluster),
        why="it balances TCP, and is small; keepalived keeps the address alive"
        if cluster.balancer.virtual
        else "it balances TCP, and is small",
    )
    yield File(
        "load-balancer/config", CONFIG, haproxy(cluster), why="one address for the API, whichever master lives"
    )
    yield daemon(
        "load-balancer/start",
        "check the configuration, then start the balancer or let it read it",
        UNIT,
        CONFIG,
        f"haproxy -q -c -f {CONFIG}",
        why="a wrong configuration is refused while the running one goes on",
    )
    if cluster.balancer.virtual:
        yield from virtual_address.steps(cluster, node)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield accepts(cluster, node)
    if cluster.balancer.virtual:
        yield from virtual_address.checks(cluster)


LOAD_BALANCER = Chapter("load-balancer", "Balancer of the API", (3,), steps=steps, checks=checks)
