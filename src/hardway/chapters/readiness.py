"""Architecture and infrastructure (article chapters 3 and 4): questions only, before anything is touched."""

from collections.abc import Iterable, Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.model.dns import Record, records
from hardway.steps import Check, Severity, Step, Wait
from hardway.steps.shell import heredoc, quote

DNS_LIMIT = 10
"""Seconds: records that somebody has just made may need a moment."""


def resolve(title: str, wanted: Iterable[Record], severity: Severity) -> Check:
    """The names resolve, on the node, to the addresses of the inventory (one `getent` for each name)."""
    lines = "".join(f"{record.name} {record.address}\n" for record in wanted)
    loop = (
        "while read -r name address; do\n"
        '  found="$(getent ahosts "$name")"\n'
        "  case $'\\n'\"$found\" in\n"
        "    *$'\\n'\"$address \"*) ;;\n"
        '    *) found="${found%%[[:space:]]*}"\n'
        '      echo "$name resolves to ${found:-nothing}, the inventory says $address"\n      exit 1 ;;\n'
        "  esac\ndone"
    )
    return Check(
        title,
        heredoc(loop, lines),
        hint="hardway render dns prints the records; a node reads its name servers from /etc/resolv.conf",
        severity=severity,
    )


def has_address(node: Node) -> Check:
    """The machine owns the address that the inventory gives it: etcd and the API server will listen on it."""
    return Check(
        f"the machine to own the address {node.address}",
        f"ip -o addr show | grep -qF {quote(' ' + node.address + '/')} || {{ echo 'no interface has it'; exit 1; }}\n",
        hint="is this the right machine? a translated (floating) address cannot be listened on",
    )


def _endpoint(cluster: Cluster, node: Node) -> Iterator[Check]:
    """Without the endpoint's name no kubelet and no admin.conf reaches the API. A balancer itself does not need it."""
    wanted = [record for record in records(cluster) if record.name == cluster.endpoint.host]
    if wanted and node.is_kubernetes:
        yield resolve("the name of the API to resolve to the balancer's address", wanted, Severity.ERROR)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield Wait("readiness/address", has_address(node), 1)
    for check in _endpoint(cluster, node):
        yield Wait("readiness/dns", check, DNS_LIMIT)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield has_address(node)
    yield from _endpoint(cluster, node)
    nodes = [record for record in records(cluster) if record.name != cluster.endpoint.host]
    if node.is_kubernetes:
        # kubeadm only warns, too. But a kubelet registers with the address that its own name resolves to,
        # where that is one of the machine's.
        yield resolve("the names of the nodes to resolve to the inventory's addresses", nodes, Severity.WARNING)
    yield Check(
        "the clock to be synchronised",
        "[ \"$(timedatectl show -P NTPSynchronized 2>/dev/null)\" != no ] || { echo 'it is not'; exit 1; }\n",
        hint="certificates and tokens depend on the time: systemctl enable --now systemd-timesyncd",
        severity=Severity.WARNING,
    )


READINESS = Chapter("readiness", "Architecture and infrastructure", (3, 4), optional=True, steps=steps, checks=checks)
