"""All of a cluster that somebody who only reads leaves as it is: files of its nodes, objects of its API."""

import json
from dataclasses import dataclass

from e2e.harness import Harness

TREES = ("/etc/kubernetes", "/etc/systemd", "/etc/containerd", "/etc/cni", "/var/lib/kubelet")
LIVING = "/var/lib/kubelet/pods"
"""Volumes of pods, in which the kubelet renews tokens."""
FILES = f"""\
of_all() {{ find {" ".join(TREES)} -path {LIVING} -prune -o "$@"; }}
of_all -printf '%p: %y %m %U:%G %i %s %T@ %C@ %l\\n'
of_all -type f -exec sha256sum {{}} +
"""
"""Kind, mode, owner, size and all times but that of reading, then the content."""
NOBODY_ASKS = r"^(events(\.events\.k8s\.io)?|leases\.coordination\.k8s\.io|componentstatuses)$"
"""Kinds of objects that change by themselves all the time, or that are none."""
Objects = dict[str, object]


@dataclass(frozen=True)
class State:
    """What there is at one moment."""

    files: dict[str, tuple[str, ...]]
    """Lines by host name of the node."""
    objects: Objects


def objects(it: Harness) -> Objects:
    """The resourceVersion of each object; of Nodes, whose kubelets report all the time, all but their status."""
    kinds = it.lab.exec(
        "master-1",
        "kubectl --kubeconfig /etc/kubernetes/admin.conf api-resources --verbs=list -o name </dev/null"
        f" | grep -Evx '{NOBODY_ASKS}' | paste -sd,",
    ).strip()
    found: Objects = {}
    for item in json.loads(it.kubectl(f"get {kinds} -A -o json"))["items"]:
        metadata = item["metadata"]
        version = metadata.pop("resourceVersion")
        metadata.pop("managedFields", None)
        name = f"{item['apiVersion']} {item['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
        found[name] = (metadata, item["spec"]) if item["kind"] == "Node" else (metadata["uid"], version)
    return found


def state(it: Harness) -> State:
    """Of every node that runs a kubelet, and of the API."""
    names = [node.host_name for node in it.lab.spec.nodes if node.is_kubernetes]
    return State({name: tuple(sorted(it.lab.exec(name, FILES).splitlines())) for name in names}, objects(it))
