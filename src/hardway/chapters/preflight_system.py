"""Preflight questions about the machine itself: size, kernel, cgroups, swap, proxies, kubelet's version.

Source: kubeadm v1.30.4 `app/preflight/checks.go` and k8s.io/system-validators v1.8.0 (DefaultSysSpec).
"""

from collections.abc import Iterator

from hardway.model import Cluster, Node
from hardway.model.skew import skew
from hardway.steps import Check, Severity

MIN_CPUS = 2
MIN_MEMORY_MB = 1700
KERNEL_CONFIG = (
    "NAMESPACES",
    "NET_NS",
    "PID_NS",
    "IPC_NS",
    "UTS_NS",
    "CGROUPS",
    "CGROUP_CPUACCT",
    "CGROUP_DEVICE",
    "CGROUP_FREEZER",
    "CGROUP_PIDS",
    "CGROUP_SCHED",
    "CPUSETS",
    "MEMCG",
    "INET",
    "EXT4_FS",
    "PROC_FS",
    "NETFILTER_XT_TARGET_REDIRECT|IP_NF_TARGET_REDIRECT",
    "NETFILTER_XT_MATCH_COMMENT",
    "FAIR_GROUP_SCHED",
)
"""Options, with their older names."""
CGROUPS_V1 = ("cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids")
CGROUPS_V2 = ("cpu", "cpuset", "memory", "pids")
"""devices and freezer are always there in version 2, and not listed."""


def size() -> Iterator[Check]:
    """What a control plane needs."""
    yield Check(
        f"at least {MIN_CPUS} processors",
        f'[ "$(nproc)" -ge {MIN_CPUS} ] || {{ echo "there is $(nproc)"; exit 1; }}\n',
        hint=f"give it {MIN_CPUS}, or go on without: nodeRegistration: {{ignorePreflightErrors: [NumCPU]}}",
        key="NumCPU",
    )
    yield Check(
        f"at least {MIN_MEMORY_MB} MB of memory",
        "while read -r name kb _; do\n"
        '  [ "$name" = MemTotal: ] || continue\n'
        f'  [ "$((kb / 1024))" -ge {MIN_MEMORY_MB} ] || {{ echo "there are $((kb / 1024)) MB"; exit 1; }}\n'
        "done </proc/meminfo\n",
        hint=f"give it {MIN_MEMORY_MB} MB, or go on without: nodeRegistration: {{ignorePreflightErrors: [Mem]}}",
        key="Mem",
    )


def swap() -> Check:
    return Check(
        "swap to be off",
        "[ ! -e /proc/swaps ] || [ \"$(wc -l </proc/swaps)\" -le 1 ] || { echo 'it is on'; exit 1; }\n",
        "swapoff -a && sed -i '/[[:space:]]swap[[:space:]]/s/^[^#]/#&/' /etc/fstab;"
        " or failSwapOn: false in the KubeletConfiguration",
        Severity.WARNING,
        "Swap",
    )


def verification() -> Check:
    """Kernel release, kernel configuration (where it can be read without loading a module), cgroup controllers."""
    options = " ".join(KERNEL_CONFIG)
    controllers = " ".join(CGROUPS_V2)
    return Check(
        "the kernel and the cgroups that the kubelet needs",
        'release="$(uname -r)"\n'
        'case "$release" in\n'
        "  3.[1-9][0-9]* | [4-9].*.* | [1-9][0-9].*.*) ;;\n"
        '  *) echo "kernel $release is too old"; exit 1 ;;\nesac\n'
        'for file in /proc/config.gz "/boot/config-$release" "/usr/lib/modules/$release/config"; do\n'
        '  [ -r "$file" ] || continue\n'
        '  missing="$(zcat -f "$file" | awk -F= -v wanted=\'' + options + "' '\n"
        "    /^CONFIG_[A-Z0-9_]+=[my]/ { set[substr($1, 8)] = 1 }\n"
        '    END { n = split(wanted, list, " "); for (i = 1; i <= n; i++) { m = split(list[i], names, "|"); ok = 0\n'
        '      for (j = 1; j <= m; j++) ok = ok || names[j] in set; if (!ok) printf " %s", list[i] } }\')"\n'
        '  [ -z "$missing" ] || { echo "the kernel lacks$missing"; exit 1; }\n'
        "  break\ndone\n"
        "if [ -e /sys/fs/cgroup/cgroup.controllers ]; then\n"
        f'  have=" $(cat /sys/fs/cgroup/cgroup.controllers) "\n  set -- {controllers}\n'
        "else\n"
        "  have=\" $(awk '!/^#/ && $4 != 0 { print $1 }' /proc/cgroups | tr '\\n' ' ')\"\n"
        f"  set -- {' '.join(CGROUPS_V1)}\nfi\n"
        'for name in "$@"; do\n'
        '  case "$have" in *" $name "*) ;; *) echo "there is no cgroup controller $name"; exit 1 ;; esac\ndone\n',
        hint="uname -r; zcat /proc/config.gz; cat /sys/fs/cgroup/cgroup.controllers /proc/cgroups",
        key="SystemVerification",
    )


def proxies(cluster: Cluster, node: Node) -> Iterator[Check]:
    """Connections inside the cluster must not go through a proxy; kubeadm warns where one is set for them."""
    host = node.address if node.is_control_plane else cluster.endpoint.host
    suffixes = "".join(f" | {host[at:]} | {host[at + 1 :]}" for at, letter in enumerate(host) if letter == ".")
    networks = (*cluster.networking.service_subnets, *cluster.networking.pod_subnets)
    looked_for = [("HTTPProxy", f"connections to {host}", f"{host}{suffixes if host[-1:].isalpha() else ''}")]
    if node.is_control_plane:
        looked_for.append(("HTTPProxyCIDR", "connections to Services and pods", " | ".join(networks)))
    for key, what, patterns in looked_for:
        yield Check(
            f"{what} to go through no proxy",
            'proxy="${HTTPS_PROXY:-${https_proxy:-}}"\n[ -n "$proxy" ] || exit 0\n'
            'IFS=, read -r -a direct <<<"${NO_PROXY:-${no_proxy:-}}"\n'
            'for entry in "${direct[@]}"; do\n'
            # A network in the list may cover what is looked for; a warning for nothing would help nobody.
            f'  case "$entry" in {patterns} | \\* | */*) exit 0 ;; esac\ndone\n'
            'echo "they would use $proxy"\nexit 1\n',
            "add it to NO_PROXY",
            Severity.WARNING,
            key,
        )


def kubelet_version(cluster: Cluster) -> Check:
    """A kubelet that the image brought is not newer than the control plane, and not too old for it."""
    minor = int(cluster.release.minor.split(".")[1])
    oldest = minor - skew("kubelet").older
    return Check(
        f"a kubelet of 1.{oldest} to 1.{minor}",
        'version="$(kubelet --version 2>/dev/null)" || { echo "there is none"; exit 1; }\n'
        'version="${version##* v}"\n'
        'IFS=. read -r major minor _ <<<"$version"\n'
        f'if [ "$major" != 1 ] || [ "$minor" -lt {oldest} ] || [ "$minor" -gt {minor} ]; then\n'
        '  echo "it is $version"\n  exit 1\nfi\n',
        hint="let chapter 8 install it (not in downloads.skip), or install another; hardway versions --skew",
        key="KubeletVersion",
    )
