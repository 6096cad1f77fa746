"""The pod network: none, or the CNI bridge plugin with static routes between the nodes (not in the article)."""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from hardway.chapters.chapter import Chapter
from hardway.chapters.components import CNI_BIN, UNITS
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Directory, File, Service, Step
from hardway.steps.shell import quote

CNI_CONFIG = "/etc/cni/net.d/10-hardway.conflist"
ROUTES = "/etc/default/hardway-pod-routes/routes.sh"
ROUTES_UNIT = "hardway-pod-routes.service"
PLUGINS = ("bridge", "host-local", "portmap", "loopback")
"""Those of the list below, and loopback, which containerd calls for every pod without being told to."""


def cni_config(node: Node) -> str:
    """The list of plugins that give a pod its interface, address and host ports."""
    ipv6 = ":" in node.pod_cidr
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        # A pod that talks to itself through its Service comes back on the same port of the bridge.
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": node.pod_cidr}]],
            "routes": [{"dst": "::/0" if ipv6 else "0.0.0.0/0"}],
        },
    }
    value = {
        "cniVersion": "1.0.0",
        "name": "hardway",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
    return json.dumps(value, indent=2) + "\n"


def routes(cluster: Cluster, node: Node) -> str:
    """Script that leads the pod networks of the other nodes to them."""
    ipv6 = ":" in node.pod_cidr
    command, tables = ("ip -6", "ip6tables") if ipv6 else ("ip", "iptables")
    lines = [
        f"{command} route replace {other.pod_cidr} via {other.address}\n"
        for other in cluster.kubernetes_nodes
        if other != node and other.pod_cidr
    ]
    rule = f"POSTROUTING -s {node.pod_cidr} ! -d {cluster.network.cidr} -j MASQUERADE"
    masquerade = (
        "# Pods reach what is outside the pod network with the node's address; among themselves they keep their own.\n"
        f"{tables} -w -t nat -C {rule} 2>/dev/null ||\n  {tables} -w -t nat -A {rule}\n"
        if cluster.network.cidr
        else ""
    )
    return "#!/bin/sh\nset -eu\n" + "".join(lines) + masquerade


UNIT = f"""\
[Unit]
Description=Routes to the pods of the other nodes
After=network-online.target
Wants=network-online.target
Before=kubelet.service
[Service]
Type=oneshot
ExecStart={ROUTES}
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
"""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if cluster.network.kind != "bridge":
        return
    yield Directory("network/cni", "/etc/cni/net.d")
    yield _keep_the_share(cluster, node)
    yield File(
        "network/cni/config", CNI_CONFIG, cni_config(node), why="with it the kubelet reports the node as Ready"
    )
    yield Directory("network/routes/directory", str(PurePosixPath(ROUTES).parent))
    yield File(
        "network/routes/script", ROUTES, routes(cluster, node), 0o755, why="the nodes are each other's routers"
    )
    yield File("network/routes/unit", f"{UNITS}/{ROUTES_UNIT}", UNIT, why="routes are gone after a reboot")
    yield Service(
        "network/routes",
        (ROUTES_UNIT,),
        (ROUTES, f"{UNITS}/{ROUTES_UNIT}"),
        why="a route that is there already is replaced by itself",
    )


def _keep_the_share(cluster: Cluster, node: Node) -> Command:
    """Shares follow the order of the inventory, so a node that leaves the middle of the list would move all others."""
    conf = quote(f"{cluster.paths.kubernetes}/kubelet.conf")
    check = (
        f"[ -s {conf} ] || exit 0\n"
        f'old="$(sed -n \'s/.*"subnet": "\\(.*\\)".*/\\1/p\' {CNI_CONFIG} 2>/dev/null)"\n'
        f'if [ -n "$old" ] && [ "$old" != {quote(node.pod_cidr)} ]; then\n'
        '  echo "its pods have addresses of $old: podCIDR: $old in its entry keeps them"\n'
        f"  exit {REFUSED}\nfi\n"
    )
    return Command(
        "network/pod-cidr",
        f"move the pods of this node to {node.pod_cidr}",
        f"(\n{check})\n",
        Check(f"no pods here with other addresses than those of {node.pod_cidr}", check),
        # It only asks, as its guard does.
        idempotent=True,
        why="running pods keep their addresses, and nobody would find them any more",
    )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    if cluster.network.kind != "bridge":
        return
    plugins = " ".join(f"{CNI_BIN}/{name}" for name in PLUGINS)
    yield Check(
        "the network plugins to be in place",
        f'for file in {plugins}; do\n  [ -x "$file" ] || {{ echo "$file is missing"; exit 1; }}\ndone\n',
        hint="the component cni-plugins brings them: hardway apply --only install-components",
    )
    command = "ip -6" if ":" in node.pod_cidr else "ip"
    for other in cluster.kubernetes_nodes:
        if other != node and other.pod_cidr:
            yield Check(
                f"pods of {other.name} to be reachable by a route",
                f"{command} route show {other.pod_cidr} | grep -qF 'via {other.address} ' ||"
                " { echo 'no route'; exit 1; }\n",
                hint=f"systemctl restart {ROUTES_UNIT}",
            )


NETWORK = Chapter("network", "Pod network", (), optional=True, steps=steps, checks=checks)
