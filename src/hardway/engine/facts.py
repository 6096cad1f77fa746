"""Probe what kubeadm's own output depends on, and what machines are compared by, and put it into the model."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from hardway.errors import UsageError
from hardway.model import CA_DIRECTORIES, Cluster, Facts, Node, OsFamily, Paths
from hardway.model.machine import Interface, Machine

KUBERNETES = Paths().kubernetes

SCRIPT = f"""\
main() {{
# First of all, before anything takes its time.
LC_ALL=C
echo "fact clock ${{EPOCHREALTIME:-$(date +%s.%N)}}"
. /etc/os-release 2>/dev/null || true
echo "fact os $ID ${{ID_LIKE:-}}"
echo "fact arch $(uname -m)"
echo "fact hostname $(cat /proc/sys/kernel/hostname)"
echo "fact resolved $(systemctl is-active systemd-resolved 2>/dev/null || true)"
echo "fact cpus $(nproc)"
for path in {" ".join(CA_DIRECTORIES)}; do [ -d "$path" ] && echo "fact ca $path"; done
# Without a process for each; a busy node has hundreds of interfaces.
line() {{ value=; {{ read -r value <"$1"; }} 2>/dev/null; }}
tell() {{ [ ! -r "$2" ] || {{ line "$2"; echo "fact $1 $value"; }}; }}
tell machine-id /etc/machine-id
tell product-uuid /sys/class/dmi/id/product_uuid
# systemd in a container knows the manager; Docker and Podman leave a file.
tell container /run/systemd/container
for path in /.dockerenv /run/.containerenv; do [ ! -e "$path" ] || echo "fact container $path"; done
ip -o addr show scope global 2>/dev/null | while read -r _ name _ address _; do
  line "/sys/class/net/$name/address"
  echo "fact address $address $name $value"
done
conf={KUBERNETES}
if [ -e "$conf/kubelet.conf" ] || [ -e "$conf/bootstrap-kubelet.conf" ]; then
  grep -hos 'server: .*' "$conf/kubelet.conf" "$conf/bootstrap-kubelet.conf" | while read -r _ url; do
    echo "fact server $url"
  done
  echo "fact version kubelet $(PATH=/usr/local/bin:$PATH kubelet --version 2>/dev/null)"
  grep -Hos 'image: .*' "$conf"/manifests/kube-*.yaml | while read -r file image; do
    file="${{file##*/}}"
    echo "fact version ${{file%%.yaml*}} $image"
  done
fi
exit 0
}}
main </dev/null
"""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
REDHAT = {"rhel", "fedora", "centos", "rocky", "almalinux", "ol"}


Found = Mapping[str, Sequence[str]]


def collect(lines: Iterable[str]) -> Found:
    """The script's answer: what was said to each word."""
    found: dict[str, list[str]] = {}
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark == "fact":
            key, _, value = rest.partition(" ")
            found.setdefault(key, []).append(value.strip())
    return found


def parse(node: Node, found: Found) -> Facts:
    """What kubeadm's output depends on; UsageError for a machine that cannot be used."""
    machine = found.get("arch", [""])[0]
    if machine not in ARCHITECTURES:
        raise UsageError(f"architecture `{machine or 'unknown'}` is not supported", node.name, hint="amd64 or arm64")
    family = OsFamily.REDHAT if REDHAT & set(found["os"][0].split()) else OsFamily.DEBIAN
    links = (line.split(" ") for line in found.get("address", ()))
    return Facts(
        os_family=family,
        arch=ARCHITECTURES[machine],
        hostname=found["hostname"][0],
        resolved=found["resolved"][0] == "active",
        ca_directories=tuple(path for path in CA_DIRECTORIES if path in found.get("ca", [])),
        interface=next((link for address, link, *_ in links if address.split("/")[0] == node.address), ""),
        cpus=int(found["cpus"][0]),
    )


def machine(node: str, found: Found, asked: float, answered: float) -> Machine:
    """What only matters beside other machines. The clock was read at some time between `asked` and `answered` (seconds)."""

    def first(key: str) -> str:
        return (found.get(key) or [""])[0]

    clock = float(first("clock") or 0)
    addresses = (value.split(" ") for value in found.get("address", ()))
    versions = (value.partition(" ") for value in found.get("version", ()))
    return Machine(
        node,
        first("hostname"),
        first("machine-id"),
        first("product-uuid").lower(),
        first("container"),
        tuple(Interface(name, address, (*mac, "")[0]) for address, name, *mac in addresses),
        (clock - answered, clock - asked) if clock else None,
        first("server").strip("'\""),
        # `Kubernetes v1.30.4`, or an image's tag.
        MappingProxyType({name: text.replace(":", " ").split()[-1] for name, _, text in versions if text}),
    )


def with_facts(cluster: Cluster, facts: Mapping[str, Facts]) -> Cluster:
    """The cluster with what was found on its machines (by node name)."""
    nodes = tuple(dataclasses.replace(node, facts=facts.get(node.name, node.facts)) for node in cluster.nodes)
    return dataclasses.replace(cluster, nodes=nodes)
