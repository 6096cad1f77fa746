"""The balancer in front of the API (article chapter 3, which asks for one and does not say how)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, File, Service, Step

CONFIG = "/etc/haproxy/haproxy.cfg"


def haproxy(cluster: Cluster) -> str:
    """haproxy.cfg: TCP through, health by /readyz of each API server."""
    servers = "".join(
        f"    server {node.host_name} {node.address}:{node.bind_port}\n" for node in cluster.control_planes
    )
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

frontend kube-apiserver
    bind :{cluster.balancer.port}
    default_backend kube-apiserver

backend kube-apiserver
    balance roundrobin
    # The question carries no credential and the answer decides nothing but where to send bytes: the clients verify
    # the server's certificate themselves. So the check does not need the CA, which does not exist yet.
    option httpchk GET /readyz
    http-check expect status 200
    # A dead API server loses its connections at once, so that clients turn to another one.
    default-server check check-ssl verify none inter 500ms fall 3 rise 1 on-marked-down shutdown-sessions
{servers}"""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield File(
        "load-balancer/config", CONFIG, haproxy(cluster), why="one address for the API, whichever master lives"
    )
    yield Service("load-balancer/start", ("haproxy.service",), (CONFIG,))


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield Check(
        "the balancer to accept connections",
        f"(exec 3<>/dev/tcp/{node.address}/{cluster.balancer.port}) 2>/dev/null || {{ echo 'refused'; exit 1; }}\n",
        hint="journalctl -u haproxy; haproxy -c -f /etc/haproxy/haproxy.cfg",
    )


LOAD_BALANCER = Chapter("load-balancer", "Balancer of the API", (3,), steps=steps, checks=checks)
