"""Is hardway stricter than kubeadm? Where it refuses documents that kubeadm takes, the reason is on a list."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from settings_of_users import DISCOVERY

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
        rf"{NODE}\.taints\[\d+\]\.timeAdded",
        r"`timeAdded` is not supported",
        "kubeadm hands it to the API, and nothing asks for the time of a taint that somebody chose",
        (
            "InitConfiguration.nodeRegistration",
            {"taints": [{"key": "a", "effect": "NoSchedule", "timeAdded": "2024-08-14T00:00:00Z"}]},
        ),
    ),
    Kept(
        r"(Init|Join)Configuration\.dryRun",
        r"`dryRun` is not supported",
        "the command says it (`hardway plan`), not the file",
        ("InitConfiguration.dryRun", True),
        "v1.34.4",
    ),
    Kept(
        r"ClusterConfiguration\.(\w+|etcd\.local)\.extraEnvs\[\d+\]\.valueFrom",
        r"`valueFrom` is not supported",
        "the kubelet makes no static pod that refers to objects of the API",
        (
            "ClusterConfiguration.scheduler",
            {"extraEnvs": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]},
        ),
        "v1.34.4",
    ),
    Kept(
        r"JoinConfiguration\.discovery\.file",
        r"`file` is not supported",
        "nodes find the cluster by tokens of their own",
        ("JoinConfiguration.discovery", {"file": {"kubeConfigPath": "https://example.org/discovery.conf"}}),
    ),
    Kept(
        r"JoinConfiguration\.discovery\.bootstrapToken\.unsafeSkipCAVerification",
        r"joins always verify the CA",
        "without it a node believes whoever answers, and hardway knows the CA",
        ("JoinConfiguration.discovery", {"bootstrapToken": {**DISCOVERY, "unsafeSkipCAVerification": True}}),
    ),
    Kept(
        r"ClusterConfiguration\.networking\.(pod|service)Subnet",
        r"`\S+` has bits set behind its mask",
        "kubeadm takes the network around it, and who reads the file another one",
        ("ClusterConfiguration.networking.podSubnet", "10.244.1.0/16"),
    ),
    Kept(
        r"Inventory\.nodes\[\d+\]\.address",
        r"`\S+` lies in (podSubnet|serviceSubnet) \S+",
        "a pod or a Service would have the address of the machine",
        ("ClusterConfiguration.networking.podSubnet", "10.30.0.0/16"),
    ),
    Kept(
        rf"{NODE}\.name",
        r"`\S+` is not what the first master of the Inventory is called: `\S+`"
        r"|no joining node of the Inventory is called `\S+`",
        "the Inventory says what machines are called; kubeadm takes a name as it stands, and a short one remains short",
        ("InitConfiguration.nodeRegistration", {"name": "master-1"}),
    ),
    Kept(
        r"(Init|Join)Configuration(\.controlPlane)?\.localAPIEndpoint\.advertiseAddress",
        r"the first master of the Inventory has `\S+`|no joining node of the Inventory has `\S+`",
        "the Inventory says where machines are",
        ("InitConfiguration.localAPIEndpoint", {"advertiseAddress": "10.30.0.99"}),
    ),
    Kept(
        r"Inventory\.nodes\[\d+\]\.name",
        r"`\S+` has \d+ characters, at most 52 fit",
        "with system:node: before it a common name is longer than X.509 allows, and whoever reads strictly refuses it",
        (
            "Inventory.nodes",
            [{"name": f"{'m' * 30}.{'n' * 30}", "address": "10.30.0.11", "roles": ["control-plane"]}],
        ),
    ),
    Kept(
        r"ClusterConfiguration\.controlPlaneEndpoint",
        r"`controlPlaneEndpoint` is missing",
        "kubeadm makes a cluster that no second master can join",
        ("ClusterConfiguration.controlPlaneEndpoint", ""),
    ),
    Kept(
        r"ClusterConfiguration\.kubernetesVersion",
        r"Kubernetes `v\S+` is not supported",
        "the versions of all components, and what kubeadm makes of them, are known for the table's releases",
        ("ClusterConfiguration.kubernetesVersion", "v1.30.5"),
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
_ASK = """\
ip link add kubeadm0 type veth peer name kubeadm1
ip link set kubeadm0 up
ip link set kubeadm1 up
ip addr add "$3" dev kubeadm0 nodad
case "$3" in
*:*) ip -6 route add default dev kubeadm0 ;;
*) ip route add default dev kubeadm0 ;;
esac
hostname "$4"
"$1" config validate --config "$2"
"""
"""In a network of its own, where kubeadm finds the address of the first master, and its name where the Inventory has the
whole of it."""


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
    first = inventory["nodes"][0]
    address, name = str(first["address"]), str(first["name"])
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        file = Path(folder) / "kubeadm.yaml"
        file.write_text("---\n".join(_for_kubeadm(part, kinds[part]) for part in parts if kinds[part] != "Inventory"))
        words = [str(kubeadm), str(file), f"{address}/{64 if ':' in address else 24}", name]
        asked = subprocess.run(
            ["unshare", "--net", "--uts", "bash", "-euc", _ASK, "ask", *words],
            capture_output=True,
            text=True,
            check=False,
        )
    # Else it was not kubeadm that said no, or not because of the documents.
    assert asked.returncode == 0 or "To see the stack trace" in asked.stderr, asked.stderr
    assert "unable to select an IP" not in asked.stderr, asked.stderr
    return asked.returncode == 0


def _for_kubeadm(part: str, kind: str) -> str:
    """A document as it is written (what YAML's readers make of a word is a part of the question), with a discovery.

    kubeadm wants one in JoinConfiguration, and hardway finds it by itself.
    """
    if kind != "JoinConfiguration" or "discovery" in yaml.safe_load(part):
        return part
    head, brace, _ = part.rstrip().rpartition("}") if part.startswith("{") else (part.rstrip(), "", "")
    found = json.dumps({"bootstrapToken": DISCOVERY})
    return f'{head}, "discovery": {found}}}\n' if brace else f"{head}\ndiscovery: {found}\n"
