"""Architecture and infrastructure (article chapters 3 and 4): questions only, before anything is touched."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.model.dns import records
from hardway.steps import Check, Severity, Step, Wait
from hardway.steps.shell import quote

DNS_LIMIT = 10


def resolves(cluster: Cluster) -> Check:
    """All names of the cluster resolve to the inventory's addresses."""
    wanted = "".join(f"{record.name} {record.address}\n" for record in records(cluster))
    return Check(
        "the names of the cluster to resolve to the inventory's addresses",
        "while read -r name address; do\n"
        "  found=\"$(getent ahosts \"$name\" | awk '{ print $1 }' | sort -u | tr '\\n' ' ')\"\n"
        '  case " $found" in *" $address "*) ;;\n'
        '    *) echo "$name resolves to ${found:-nothing}, the inventory says $address"; exit 1 ;;\n  esac\n'
        f"done <<'EOF'\n{wanted}EOF\n",
        hint="hardway render dns prints the records; a node reads its name servers from /etc/resolv.conf",
    )


def has_address(node: Node) -> Check:
    """The machine owns the address that the inventory gives it."""
    return Check(
        f"the machine to own the address {node.address}",
        f"ip -o addr show | grep -qF {quote(' ' + node.address + '/')} || {{ echo 'no interface has it'; exit 1; }}\n",
        hint="is this the right machine?",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield Wait("readiness/address", has_address(node), 1)
    yield Wait("readiness/dns", resolves(cluster), DNS_LIMIT)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield has_address(node)
    yield resolves(cluster)
    yield Check(
        "the clock to be synchronised",
        "[ \"$(timedatectl show -P NTPSynchronized 2>/dev/null)\" != no ] || { echo 'it is not'; exit 1; }\n",
        hint="certificates and tokens depend on the time: systemctl enable --now systemd-timesyncd",
        severity=Severity.WARNING,
    )


READINESS = Chapter("readiness", "Architecture and infrastructure", (3, 4), optional=True, steps=steps, checks=checks)
