"""Architecture and infrastructure (article chapters 3 and 4): questions only, before anything is touched."""

from collections.abc import Iterable, Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.model.dns import Record, records
from hardway.steps import Check, Severity, Step, Wait
from hardway.steps.shell import heredoc, quote

DNS_LIMIT = 10
"""Seconds: records that somebody has just made may need a moment."""


RECORDS = (
    "`hardway render dns` prints the records for the zone, `hardway render hosts` those for /etc/hosts;"
    " a node asks whom /etc/nsswitch.conf and /etc/resolv.conf name: getent ahosts NAME"
)


def resolve(title: str, wanted: Iterable[Record], severity: Severity, lenient: str = "") -> Check:
    """The names resolve, on the node, to the addresses of the inventory and to no other (one `getent` for each name).

    `lenient` may lead to other addresses, too: a node's own name leads to all of its addresses where systemd makes it up.
    """
    lines = "".join(f"{it.name} {it.address} {'among others' if it.name == lenient else 'only'}\n" for it in wanted)
    loop = (
        "wrong=''\n"
        "while read -r name address how; do\n"
        '  case "$address" in *:*) family=ahostsv6 ;; *) family=ahostsv4 ;; esac\n'
        "  fits='' others=''\n"
        "  while read -r one kind _; do\n"
        '    [ "$kind" = STREAM ] || continue\n'
        '    if [ "$one" = "$address" ]; then fits=yes; else others="${others:+$others, }$one"; fi\n'
        '  done < <(getent "$family" "$name")\n'
        '  if [ -z "$fits" ]; then\n'
        '    wrong="$wrong; $name resolves to ${others:-nothing}, the inventory says $address"\n'
        '  elif [ -n "$others" ] && [ "$how" = only ]; then\n'
        '    wrong="$wrong; $name resolves to $others, too, the inventory says $address only"\n'
        "  fi\n"
        "done"
    )
    return Check(
        title,
        heredoc(loop, lines) + '[ -z "$wrong" ] || { echo "${wrong#; }"; exit 1; }\n',
        hint=RECORDS,
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
    host = cluster.endpoint.host
    wanted = [record for record in records(cluster) if record.name == host]
    if wanted and node.is_kubernetes:
        # Somebody may have more than one balancer; so a further address is no reason to stop.
        yield resolve("the name of the API to resolve to the balancer's address", wanted[:1], Severity.ERROR, host)


SYNCHRONISED = Check(
    "the clock to be synchronised",
    # Without the right to set the clock nobody can keep it: a container has its host's.
    "[ ! -e /run/systemd/container ] || exit 0\n"
    'told="$(timedatectl show --property=NTPSynchronized --value 2>/dev/null)"\n'
    "[ \"$told\" != no ] || { echo 'it is not'; exit 1; }\n"
    '[ "$told" != yes ] || exit 0\n'
    "chronyc -n tracking 2>/dev/null | grep -q '^Leap status *: *Normal' ||"
    " { echo 'neither timedatectl nor chronyc says that it is'; exit 1; }\n",
    "certificates and tokens depend on the time: apt-get install -y systemd-timesyncd (or dnf install -y chrony)"
    " && timedatectl set-ntp true",
    Severity.WARNING,
    "TimeSync",
)

SELINUX = Check(
    "SELinux not to be enforcing",
    '[ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" != 1 ] || { echo "it is"; exit 1; }\n'
    "! grep -qs '^SELINUX=enforcing' /etc/selinux/config || [ ! -e /sys/fs/selinux/enforce ] ||"
    " { echo 'it will be after the next boot'; exit 1; }\n",
    "static pods mount host directories, which enforcing SELinux forbids them: setenforce 0"
    " && sed -i 's/^SELINUX=enforcing/SELINUX=permissive/' /etc/selinux/config"
    " (or keep it, with container-selinux and containerd's enable_selinux)",
    Severity.WARNING,
    "SELinux",
)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield Wait("readiness/address", has_address(node), 1)
    for check in _endpoint(cluster, node):
        yield Wait("readiness/dns", check, DNS_LIMIT)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield has_address(node)
    yield from _endpoint(cluster, node)
    # kubeadm only warns, too. But a kubelet registers with the address that its own name resolves to,
    # where that is one of the machine's.
    everything = "all names of `hardway render dns` to resolve to the inventory's addresses"
    yield resolve(everything, records(cluster), Severity.WARNING, node.name)
    yield SYNCHRONISED
    if node.is_kubernetes:
        yield SELINUX


READINESS = Chapter(
    "readiness",
    "Architecture and infrastructure",
    (3, 4),
    optional=True,
    steps=steps,
    checks=checks,
    before=checks,
)
