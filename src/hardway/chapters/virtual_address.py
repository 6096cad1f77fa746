"""The address that moves between balancers (VIP-LB of article chapter 3): keepalived, by VRRP (RFC 9568).

Whoever holds it lives and has a haproxy that takes connections. It stays where it is when the other one comes back:
every move cuts all connections.
"""

from collections.abc import Iterator

from hardway.chapters.daemon import daemon
from hardway.model import Cluster, Node
from hardway.steps import Check, Directory, File, Step, Wait
from hardway.steps.shell import quote

FOLDER = "/etc/keepalived"
CONFIG = f"{FOLDER}/keepalived.conf"
PROBE = f"{FOLDER}/haproxy-accepts"
UNIT = "keepalived.service"
TAKEN = 15
"""Seconds until one of the balancers holds the address: three adverts of silence, and slack for a busy machine."""
HIGHEST = 150
"""Priority of the first balancer; the others' follow in the order of the inventory."""


def probe(cluster: Cluster) -> str:
    """The question that decides whether a balancer may hold the address."""
    return (
        "#!/bin/bash\n"
        f"# keepalived asks this: does haproxy take connections on port {cluster.balancer.port}?\n"
        f"exec 3<>/dev/tcp/127.0.0.1/{cluster.balancer.port}\n"
    )


def keepalived(cluster: Cluster, node: Node) -> str:
    """keepalived.conf of one balancer."""
    balancer, width = cluster.balancer, 128 if ":" in cluster.balancer.address else 32
    names = [other.name for other in cluster.balancers]
    peers = "".join(f"        {other.address}\n" for other in cluster.balancers if other.name != node.name)
    return f"""\
global_defs {{
    router_id {node.host_name}
    # The version that knows IPv6 and fractions of a second.
    vrrp_version 3
    # It has no passwords: peers are told one by one, and who is not among them is not believed.
    vrrp_check_unicast_src
    enable_script_security
    script_user nobody
}}

vrrp_script haproxy_accepts {{
    script {PROBE}
    interval 1
    timeout 1
    fall 2
    rise 2
}}

vrrp_instance kube_apiserver {{
    # Nobody begins as the holder, and nobody takes the address from one that does its work: it cuts connections.
    state BACKUP
    nopreempt
    interface {node.facts.interface}
    virtual_router_id {balancer.virtual_router_id}
    priority {HIGHEST - names.index(node.name)}
    # Three of them missed, and the next one takes over: about two seconds.
    advert_int 0.5
    # From one to the other, since many networks do not carry multicast.
    unicast_src_ip {node.address}
    unicast_peer {{
{peers}    }}
    virtual_ipaddress {{
        {balancer.address}/{width} dev {node.facts.interface}
    }}
    track_script {{
        haproxy_accepts
    }}
}}
"""


def config_test(file: str) -> str:
    """bash that fails where keepalived finds fault with a configuration."""
    return (
        f"rc=0; keepalived --config-test --use-file {quote(file)} >&2 || rc=$?\n"
        # 2.2.7 (Debian 12) ends itself by SIGTERM when all is well and scripts have a user: keepalived issue 2587.
        "[ $rc = 0 ] || [ $rc = 143 ]"
    )


def held(cluster: Cluster) -> Check:
    """One of the balancers holds the address and takes connections on it."""
    address, port = cluster.balancer.address, cluster.balancer.port
    return Check(
        f"the virtual address {address} to be held by a balancer",
        # Where the link swallows what nobody answers, connecting would take minutes.
        f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}' 2>/dev/null ||\n"
        f"  {{ echo 'nobody takes connections on {address} port {port}'; exit 1; }}\n",
        hint="journalctl -u keepalived on the balancers: do they hear each other (IP protocol 112), does haproxy run?",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    """On a balancer, after haproxy runs."""
    yield Directory("load-balancer/keepalived", FOLDER, why="the question and the configuration lie in it")
    yield File(
        "load-balancer/probe",
        PROBE,
        probe(cluster),
        0o755,
        why="a balancer that takes no connections gives the address away",
    )
    yield File(
        "load-balancer/virtual-address",
        CONFIG,
        keepalived(cluster, node),
        why=f"{cluster.balancer.address} is on whichever balancer lives",
    )
    yield daemon(
        "load-balancer/start-keepalived",
        "check keepalived's configuration, then start it or let it read it",
        UNIT,
        CONFIG,
        config_test(CONFIG),
        why="a wrong configuration is refused while the running one goes on",
    )
    yield Wait("load-balancer/held", held(cluster), TAKEN)


def checks(cluster: Cluster) -> Iterator[Check]:
    """Asked on every balancer."""
    yield held(cluster)
