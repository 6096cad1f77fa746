"""Readiness of the components (article chapter 10, kubeadm phase `preflight`): kubeadm's table, line by line.

Source: kubeadm v1.30.4 `app/preflight/checks.go` (RunInitNodeChecks, RunJoinNodeChecks). The names in `key` are
kubeadm's, so ignorePreflightErrors works as with kubeadm. A node that has joined already passes what can only be
asked of an empty one.
"""

from collections.abc import Iterator
from dataclasses import replace

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Severity, Step
from hardway.steps.shell import quote

REQUIRED = ("crictl", "conntrack", "ip", "iptables", "mount", "nsenter")
WANTED = ("ebtables", "ethtool", "socat", "tc", "touch")
MIN_CPUS = 2
MIN_MEMORY_MB = 1700
JOINED = "[ ! -s /etc/kubernetes/kubelet.conf ] || exit 0\n"
"""Yes for a node that has joined."""


def table(cluster: Cluster, node: Node) -> Iterator[Check]:
    """kubeadm's checks for this node's role, in kubeadm's order."""
    first = node == cluster.first_control_plane
    warning = Severity.WARNING
    yield _check("IsPrivilegedUser", "the user to be root", '[ "$(id -u)" = 0 ] || { echo "it is not"; exit 1; }\n')
    if first:
        yield _check(
            "NumCPU",
            f"at least {MIN_CPUS} processors",
            f'[ "$(nproc)" -ge {MIN_CPUS} ] || {{ echo "there is $(nproc)"; exit 1; }}\n',
        )
        yield _check(
            "Mem",
            f"at least {MIN_MEMORY_MB} MB of memory",
            "mb=\"$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)\"\n"
            f'[ "$mb" -ge {MIN_MEMORY_MB} ] || {{ echo "there are $mb MB"; exit 1; }}\n',
        )
    yield _check(
        "Firewalld",
        "no firewalld in the way",
        "! systemctl is-active --quiet firewalld 2>/dev/null || { echo 'it is active'; exit 1; }\n",
        hint="open ports 6443 and 10250, or stop it",
        severity=warning,
    )
    ports = [10250] if not node.is_control_plane else [node.bind_port, 10259, 10257, 10250, 2379, 2380]
    for port in ports:
        yield _check(
            f"Port-{port}",
            f"port {port} to be free",
            JOINED
            + _started(cluster)
            + f'[ -z "$(ss -Hltn "sport = :{port}")" ] || {{ echo "it is in use"; exit 1; }}\n',
        )
    if not first:
        for file in ("kubelet.conf", "bootstrap-kubelet.conf"):
            yield _check(
                f"FileAvailable--etc-kubernetes-{file}",
                f"/etc/kubernetes/{file} to be absent",
                JOINED + _started(cluster) + f"[ ! -e /etc/kubernetes/{file} ] || {{ echo 'it exists'; exit 1; }}\n",
                hint="an earlier cluster left it: reset this node first",
            )
    yield _check(
        "FileContent--proc-sys-net-ipv4-ip_forward",
        "forwarding to be on",
        '[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || { echo "it is off"; exit 1; }\n',
    )
    yield _check(
        "Swap",
        "swap to be off",
        "[ \"$(wc -l </proc/swaps)\" -le 1 ] || { echo 'it is on'; exit 1; }\n",
        hint="swapoff -a, and remove it from /etc/fstab; or set failSwapOn: false",
        severity=warning,
    )
    for name in (*REQUIRED, *WANTED):
        yield _check(
            f"FileExisting-{name}",
            f"{name} to be in PATH",
            f"command -v {name} >/dev/null || {{ echo 'it is not'; exit 1; }}\n",
            severity=Severity.ERROR if name in REQUIRED else warning,
        )
    yield _check(
        "SystemVerification",
        "the cgroups that the kubelet needs",
        "[ -e /sys/fs/cgroup/cgroup.controllers ] && exit 0\n"
        "for name in cpu cpuacct cpuset devices freezer memory pids; do\n"
        '  grep -q "^${name}[[:space:]].*[[:space:]]1$" /proc/cgroups || { echo "no cgroup $name"; exit 1; }\ndone\n',
    )
    yield _check(
        "Hostname",
        f"the name {node.name} to resolve",
        f"getent ahosts {quote(node.name)} >/dev/null || {{ echo 'it does not'; exit 1; }}\n",
        severity=warning,
    )
    yield _check(
        "Service-Kubelet",
        "kubelet.service to be enabled",
        "systemctl is-enabled --quiet kubelet 2>/dev/null || { echo 'it is not'; exit 1; }\n",
        severity=warning,
    )
    socket = node.registration.cri_socket.removeprefix("unix://")
    yield _check(
        "CRI",
        "the container runtime to answer",
        f"[ -S {quote(socket)} ] && systemctl is-active --quiet containerd || {{ echo 'it does not'; exit 1; }}\n",
        hint="journalctl -u containerd",
    )
    if node.is_control_plane:
        yield _check(
            f"DirAvailable-{cluster.etcd.data_dir.replace('/', '-')}",
            f"{cluster.etcd.data_dir} to be empty",
            JOINED
            + _started(cluster)
            + f'[ -z "$(ls -A {quote(cluster.etcd.data_dir)} 2>/dev/null)" ] || {{ echo "it is not"; exit 1; }}\n',
            hint="data of another cluster: reset this node first",
        )


def _started(cluster: Cluster) -> str:
    """Yes for a node on which this tool has begun chapter 12 and was interrupted."""
    return f"[ ! -e {cluster.paths.pki}/ca.crt ] || exit 0\n"


def _check(key: str, name: str, script: str, hint: str = "", severity: Severity = Severity.ERROR) -> Check:
    return Check(name, script, hint, severity, key)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    ignored = {name.lower() for name in node.registration.ignore_preflight_errors}
    for check in table(cluster, node):
        if check.severity is Severity.ERROR and (check.key.lower() in ignored or "all" in ignored):
            yield replace(check, severity=Severity.WARNING)
        else:
            yield check


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    lines = ["failed=0\n"]
    for check in checks(cluster, node):
        if check.severity is Severity.ERROR:
            lines.append(
                f'if ! reason="$({check.script.rstrip()}\n)"; then\n'
                f"  printf '[ERROR %s] %s: %s\\n' {quote(check.key)} {quote(check.name)} \"$reason\"\n  failed=1\nfi\n"
            )
    body = "".join(lines)
    yield Command(
        "preflight",
        "ask everything that kubeadm's preflight asks",
        body + '[ "$failed" = 0 ] || exit 1\n',
        Check("the node to be fit for Kubernetes", body + '[ "$failed" = 0 ] || exit 1\n'),
        why="a node that is not fit is better refused before anything is on it",
    )


PREFLIGHT = Chapter(
    "preflight",
    "Readiness of the components",
    (10,),
    "preflight",
    "preflight",
    optional=True,
    steps=steps,
    checks=checks,
)
