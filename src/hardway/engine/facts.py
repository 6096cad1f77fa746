"""Probe what kubeadm's own output depends on, and put it into the model."""

import dataclasses
from collections.abc import Mapping

from hardway.errors import UsageError
from hardway.model import CA_DIRECTORIES, Cluster, Facts, OsFamily

SCRIPT = f"""\
main() {{
. /etc/os-release 2>/dev/null || true
echo "fact os $ID ${{ID_LIKE:-}}"
echo "fact arch $(uname -m)"
echo "fact hostname $(cat /proc/sys/kernel/hostname)"
echo "fact resolved $(systemctl is-active systemd-resolved 2>/dev/null || true)"
echo "fact cpus $(nproc)"
echo "fact memory $(awk '/^MemTotal:/ {{ print int($2 / 1024) }}' /proc/meminfo)"
for path in {" ".join(CA_DIRECTORIES)}; do [ -d "$path" ] && echo "fact ca $path"; done
exit 0
}}
main </dev/null
"""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
REDHAT = {"rhel", "fedora", "centos", "rocky", "almalinux", "ol"}


def parse(node: str, lines: list[str]) -> Facts:
    """Facts from the script's answer; UsageError for a machine that cannot be used."""
    found: dict[str, list[str]] = {}
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark == "fact":
            key, _, value = rest.partition(" ")
            found.setdefault(key, []).append(value.strip())
    machine = found.get("arch", [""])[0]
    if machine not in ARCHITECTURES:
        raise UsageError(f"architecture `{machine or 'unknown'}` is not supported", node, hint="amd64 or arm64")
    family = OsFamily.REDHAT if REDHAT & set(found["os"][0].split()) else OsFamily.DEBIAN
    return Facts(
        os_family=family,
        arch=ARCHITECTURES[machine],
        hostname=found["hostname"][0],
        resolved=found["resolved"][0] == "active",
        ca_directories=tuple(path for path in CA_DIRECTORIES if path in found.get("ca", [])),
        cpus=int(found["cpus"][0]),
        memory_mb=int(found["memory"][0]),
    )


def with_facts(cluster: Cluster, facts: Mapping[str, Facts]) -> Cluster:
    """The cluster with what was found on its machines (by node name)."""
    nodes = tuple(dataclasses.replace(node, facts=facts.get(node.name, node.facts)) for node in cluster.nodes)
    return dataclasses.replace(cluster, nodes=nodes)
