"""Is hardway stricter than kubeadm? Where it refuses documents that kubeadm takes, the reason is on a list."""

import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from hardway.config.problems import Problem

KEPT = {
    r"hardway builds clusters with EtcdLearnerMode=true only": (
        "a member that votes before it has the data can cost the quorum; kubeadm itself knows no other way from 1.32 on"
    ),
    r"\w+ is always (true|false) in Kubernetes 1\.\d+": "a locked gate: kubeadm stores it, and obeys it here and there",
    r"pods \S+ overlap services \S+": "the cluster would come up, and some Services would lead nowhere",
    r"phase `[^`]+` cannot be left out here": "kubeadm looks at skipPhases only when it runs",
    r"`tcp://[^`]+` is not a unix:// socket": "kubeadm takes it for a path, and nobody listens at unix://tcp://...",
    r"must be one of Always, IfNotPresent, Never": "kubeadm v1.29 says so only when it pulls",
    r"`all` stands for the others, too": "kubeadm says so only when it runs",
    r"`\S+` is not a duration of a second or more": "kubeadm makes certificates that end when they begin, or before",
    r"`effect` is missing|must be one of NoSchedule, PreferNoSchedule, NoExecute, not `\w+`": (
        "kubeadm hands any taint to the API, which refuses the Node"
    ),
    r"a second token with the id [a-z0-9]{6}": "kubeadm keeps the last one, and whoever holds another cannot join",
    r"`(hostPath|mountPath)` is missing": "kubeadm writes a static pod that the kubelet then refuses",
    r"`[^`]*` is not the URL of an etcd": "kubeadm parses it, and gives an API server what its client of etcd cannot dial",
    r"`/[/.]*` is the root of the machine, which `kubeadm reset` would empty": "nobody wants that, and kubeadm does not ask",
    r"`endpoints` is missing|must not be empty": "before 1.35 kubeadm writes an API server without any etcd",
    r"kube-apiserver would not see `[^`]+`: kubeadm does not mount its directory": "the API server would never start",
}
"""Patterns of our problems that kubeadm does not have, and why."""

OURS = ("Inventory", "JoinConfiguration")
"""Not judged: kubeadm has no Inventory, and wants a `discovery` in the other that hardway finds by itself."""
_ASK = """\
ip link add kubeadm0 type veth peer name kubeadm1
ip link set kubeadm0 up
ip link set kubeadm1 up
ip addr add "$3" dev kubeadm0 nodad
ip route add default dev kubeadm0
"$1" config validate --config "$2"
"""
"""In a network of its own, where kubeadm finds the address of the first master."""


def only_kubeadm_takes(kubeadm: Path, text: str, problems: Iterable[Problem]) -> list[str]:
    """Our problems with a cluster.yaml that nobody has given a reason for, where kubeadm has none at all."""
    judged = [problem.message for problem in problems if not problem.path.startswith(OURS)]
    stricter = [message for message in judged if not any(re.fullmatch(pattern, message) for pattern in KEPT)]
    return stricter if stricter and kubeadm_takes(kubeadm, text) else []


def kubeadm_takes(kubeadm: Path, text: str) -> bool:
    """`kubeadm config validate` has nothing against the documents for the first master."""
    parts = re.split(r"^---\n", text, flags=re.MULTILINE)
    kinds = {part: yaml.safe_load(part)["kind"] for part in parts}
    inventory = next(yaml.safe_load(part) for part in parts if kinds[part] == "Inventory")
    address = str(inventory["nodes"][0]["address"])
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        file = Path(folder) / "kubeadm.yaml"
        # As they are written: what YAML's readers make of a word is a part of the question.
        file.write_text("---\n".join(part for part in parts if kinds[part] not in ("Inventory", "JoinConfiguration")))
        words = [str(kubeadm), str(file), f"{address}/{64 if ':' in address else 24}"]
        asked = subprocess.run(
            ["unshare", "--net", "bash", "-euc", _ASK, "ask", *words], capture_output=True, text=True, check=False
        )
    # Else it was not kubeadm that said no.
    assert asked.returncode == 0 or "To see the stack trace" in asked.stderr, asked.stderr
    return asked.returncode == 0
