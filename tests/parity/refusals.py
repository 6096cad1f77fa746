"""Is hardway stricter than kubeadm? Where it refuses documents that kubeadm takes, the reason is on a list."""

import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hardway.config.problems import Problem
from hardway.versions import DEFAULT

NODE = r"(Init|Join)Configuration\.nodeRegistration"
EXTERNAL = r"ClusterConfiguration\.etcd\.external"


@dataclass(frozen=True)
class Kept:
    """What hardway refuses and kubeadm takes."""

    place: str
    """Pattern of the problem's path, whole."""
    message: str
    """Pattern of what is said, whole."""
    reason: str
    shown: tuple[str, Any]
    """A place and a value there that kubeadm takes."""
    version: str = DEFAULT
    """A kubeadm that takes it."""
    until: int = 99
    """The last minor that does."""

    def covers(self, problem: Problem, version: str) -> bool:
        """The refusal is meant; `version`: of kubeadm, v1.MINOR.PATCH."""
        told = re.fullmatch(self.place, problem.path) and re.fullmatch(self.message, problem.message)
        return bool(told) and int(version.split(".")[1]) <= self.until


KEPT = (
    Kept(
        r"ClusterConfiguration\.featureGates\.EtcdLearnerMode",
        r"hardway builds clusters with EtcdLearnerMode=true only",
        "a member that votes before it has the data can cost the quorum; kubeadm itself knows no other way from 1.32 on",
        ("ClusterConfiguration.featureGates", {"EtcdLearnerMode": False}),
    ),
    Kept(
        r"ClusterConfiguration\.featureGates\.RootlessControlPlane",
        r"hardway builds clusters with RootlessControlPlane=false only",
        "alpha in every minor: kubeadm makes users of the machine for static pods, and hands them files",
        ("ClusterConfiguration.featureGates", {"RootlessControlPlane": True}),
    ),
    Kept(
        r"ClusterConfiguration\.featureGates\.\w+",
        r"\w+ is always (true|false) in Kubernetes 1\.\d+",
        "a locked gate: kubeadm stores it, and obeys it here and there",
        ("ClusterConfiguration.featureGates", {"WaitForAllControlPlaneComponents": False}),
        "v1.34.4",
    ),
    Kept(
        r"ClusterConfiguration\.networking\.podSubnet",
        r"pods \S+ overlap services \S+",
        "the cluster would come up, and some Services would lead nowhere",
        ("ClusterConfiguration.networking.podSubnet", "10.96.0.0/16"),
    ),
    Kept(
        r"ClusterConfiguration\.apiServer\.extraArgs(\.advertise-address|\[\d+\]\.value)",
        r"`advertise-address` would be the same on [2-9] masters",
        "all API servers but one would send clients to another machine",
        ("ClusterConfiguration.apiServer", {"extraArgs": {"advertise-address": "10.30.0.11"}}),
    ),
    Kept(
        r"InitConfiguration\.skipPhases\[\d+\]",
        r"phase `(?!addon/coredns`|addon/kube-proxy`|addon`|show-join-command`)[^`]+` cannot be left out here",
        "kubeadm looks at skipPhases only when it runs",
        ("InitConfiguration.skipPhases", ["certs"]),
    ),
    Kept(
        r"JoinConfiguration\.skipPhases\[\d+\]",
        r"phase `[^`]*` cannot be left out when nodes join",
        "kubeadm looks at skipPhases only when it runs, and a join that lacks a part is none",
        ("JoinConfiguration.skipPhases", ["preflight"]),
    ),
    Kept(
        rf"({NODE}\.kubeletExtraArgs|ClusterConfiguration\.(\w+|etcd\.local)\.extraArgs)(\..*|\[\d+\]\.name)",
        r"`(-[^`]*|[^`]*[=\s][^`]*)` is not the name of a flag",
        "kubeadm puts two dashes before it, and the program does not start",
        ("ClusterConfiguration.scheduler", {"extraArgs": {"--v": "2"}}),
    ),
    Kept(
        rf"{NODE}\.criSocket",
        r"`tcp://[^`]+` is not a unix:// socket",
        "kubeadm takes it for a path, and nobody listens at unix://tcp://...",
        ("InitConfiguration.nodeRegistration", {"criSocket": "tcp://1.2.3.4:5"}),
    ),
    Kept(
        rf"{NODE}\.imagePullPolicy",
        r"must be one of Always, IfNotPresent, Never",
        "kubeadm v1.29 says so only when it pulls",
        ("InitConfiguration.nodeRegistration", {"imagePullPolicy": "always"}),
        "v1.29.6",
        29,
    ),
    Kept(
        rf"{NODE}\.ignorePreflightErrors",
        r"`all` stands for the others, too",
        "kubeadm says so only when it runs",
        ("InitConfiguration.nodeRegistration", {"ignorePreflightErrors": ["all", "Swap"]}),
    ),
    Kept(
        r"ClusterConfiguration\.(certificate|caCertificate)ValidityPeriod",
        r"`(0s?|-[^`]+|\d+(ms|us|ns))` is not a duration of a second or more",
        "kubeadm makes certificates that end when they begin, or before",
        ("ClusterConfiguration.certificateValidityPeriod", "-1h"),
        "v1.34.4",
    ),
    Kept(
        rf"{NODE}\.taints\[\d+\]\.effect",
        r"`effect` is missing|must be one of NoSchedule, PreferNoSchedule, NoExecute, not `\w+`",
        "kubeadm hands any taint to the API, which refuses the Node",
        ("InitConfiguration.nodeRegistration", {"taints": [{"key": "a", "effect": "No"}]}),
    ),
    Kept(
        r"InitConfiguration\.bootstrapTokens\[\d+\]\.token",
        r"a second token with the id [a-z0-9]{6}",
        "kubeadm keeps the last one, and whoever holds another cannot join",
        (
            "InitConfiguration.bootstrapTokens",
            [{"token": "abcdef.0123456789abcdef"}, {"token": "abcdef.fedcba9876543210"}],
        ),
    ),
    Kept(
        r"ClusterConfiguration\.\w+\.extraVolumes\[\d+\]\.(hostPath|mountPath)",
        r"`(hostPath|mountPath)` is missing",
        "kubeadm writes a static pod that the kubelet then refuses",
        ("ClusterConfiguration.apiServer", {"extraVolumes": [{"name": "a"}]}),
    ),
    Kept(
        rf"{EXTERNAL}\.(endpoints|httpEndpoints)\[\d+\]",
        r"`(|unix://\S+|[a-z.-]+:\d+)` is not the URL of an etcd",
        "kubeadm parses it, and gives an API server what its client of etcd cannot dial",
        ("ClusterConfiguration.etcd", {"external": {"endpoints": ["unix:///run/etcd.sock"]}}),
    ),
    Kept(
        rf"{EXTERNAL}\.endpoints",
        r"`endpoints` is missing|must not be empty",
        "before 1.35 kubeadm writes an API server without any etcd",
        ("ClusterConfiguration.etcd", {"external": {"endpoints": []}}),
        until=34,
    ),
    Kept(
        rf"{EXTERNAL}\.(caFile|certFile|keyFile)",
        r"kube-apiserver would not see `(/etc/etcd-client/client|/a)\.(crt|key)`: kubeadm does not mount its directory",
        "the API server would never start",
        (
            "ClusterConfiguration.etcd",
            {
                "external": {
                    "endpoints": ["https://10.30.0.5:2379"],
                    "caFile": "/etc/etcd/ca.crt",
                    "certFile": "/etc/etcd-client/client.crt",
                    "keyFile": "/etc/etcd-client/client.key",
                }
            },
        ),
    ),
    Kept(
        r"ClusterConfiguration\.(etcd\.local\.dataDir|certificatesDir)",
        r"`/[/.]*` is the root of the machine, which `kubeadm reset` would empty",
        "nobody wants that, and kubeadm does not ask",
        ("ClusterConfiguration.certificatesDir", "/"),
    ),
)
"""What hardway has against documents, and kubeadm has not."""

OURS = (
    # An unquoted word that YAML's readers in Go take for a number or a switch.
    (r"Inventory\..*", r"must be text, not `(1000\.0|true)`"),
    # What patches come to is compared for itself (patch_trials.py).
    (r"Inventory\.patches\..*", r".*"),
    # From ClusterConfiguration, of which kubeadm asks less: nodes' names end in clusterName, and addresses are of one kind.
    (r"Inventory\.nodes\[\d+\]\.name", r"`\S+?\.(a b|-)\.example\.com` is not a DNS name"),
    (r"Inventory\.nodes\[\d+\]\.address", r"`\S+` is IPv(4|6), but services are in \S+"),
)
"""Path and message of problems with the Inventory, about which kubeadm cannot be asked."""
DISCOVERY = (
    '{"bootstrapToken": {"token": "abcdef.0123456789abcdef", "apiServerEndpoint": "api.example.org:6443",'
    ' "caCertHashes": ["sha256:00"]}}'
)
"""kubeadm wants it in JoinConfiguration, and hardway finds it by itself."""
_ASK = """\
ip link add kubeadm0 type veth peer name kubeadm1
ip link set kubeadm0 up
ip link set kubeadm1 up
ip addr add "$3" dev kubeadm0 nodad
case "$3" in
*:*) ip -6 route add default dev kubeadm0 ;;
*) ip route add default dev kubeadm0 ;;
esac
"$1" config validate --config "$2"
"""
"""In a network of its own, where kubeadm finds the address of the first master."""


def only_kubeadm_takes(kubeadm: Path, text: str, problems: Iterable[Problem]) -> list[str]:
    """Our problems with a cluster.yaml that nobody has given a reason for, where kubeadm has none at all."""
    version = re.search(r"kubernetesVersion\W+(v1\.\d+)\.", text)
    assert version, text
    stricter = [
        f"{problem.path}: {problem.message}"
        for problem in problems
        if not any(one.covers(problem, version[1]) for one in KEPT)
        and not any(re.fullmatch(path, problem.path) and re.fullmatch(said, problem.message) for path, said in OURS)
    ]
    return stricter if stricter and kubeadm_takes(kubeadm, text) else []


def kubeadm_takes(kubeadm: Path, text: str) -> bool:
    """`kubeadm config validate` has nothing against the documents for the first master, nor those for who joins."""
    parts = re.split(r"^---\n", text, flags=re.MULTILINE)
    kinds = {part: yaml.safe_load(part)["kind"] for part in parts}
    inventory = next(yaml.safe_load(part) for part in parts if kinds[part] == "Inventory")
    address = str(inventory["nodes"][0]["address"])
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        file = Path(folder) / "kubeadm.yaml"
        file.write_text("---\n".join(_for_kubeadm(part, kinds[part]) for part in parts if kinds[part] != "Inventory"))
        words = [str(kubeadm), str(file), f"{address}/{64 if ':' in address else 24}"]
        asked = subprocess.run(
            ["unshare", "--net", "bash", "-euc", _ASK, "ask", *words], capture_output=True, text=True, check=False
        )
    # Else it was not kubeadm that said no, or not because of the documents.
    assert asked.returncode == 0 or "To see the stack trace" in asked.stderr, asked.stderr
    assert "unable to select an IP" not in asked.stderr, asked.stderr
    return asked.returncode == 0


def _for_kubeadm(part: str, kind: str) -> str:
    """A document as it is written (what YAML's readers make of a word is a part of the question), with a discovery."""
    if kind != "JoinConfiguration":
        return part
    head, brace, _ = part.rstrip().rpartition("}") if part.startswith("{") else (part.rstrip(), "", "")
    return f'{head}, "discovery": {DISCOVERY}}}\n' if brace else f"{head}\ndiscovery: {DISCOVERY}\n"
