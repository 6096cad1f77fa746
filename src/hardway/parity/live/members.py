"""What masters have in common: the CAs, the key pair of service accounts, and the membership of etcd. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hardway.chapters import bootstrap_token
from hardway.chapters.etcd import peer_url
from hardway.engine.script import sha256
from hardway.model import Node, thaw
from hardway.parity.compare import ABSENT
from hardway.parity.live import cures, found, manifests, pems
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.parity.objects import item_name

SHARED = ("ca.crt", "front-proxy-ca.crt", "etcd/ca.crt", "sa.pub")


def shared(judge: Judge, seen: Mapping[str, SeenNode]) -> Iterator[Finding]:
    """What all masters must have in common."""
    pki = judge.cluster.paths.pki
    masters = _masters(judge, seen)
    everybody = [seen[node.name] for node in judge.cluster.kubernetes_nodes if node.name in seen]
    for name in SHARED:
        path = f"{pki}/{name}"
        nodes = everybody if name == "ca.crt" else masters
        contents = {node.name: pems.identity(node.files[path].content) for node in nodes if path in node.files}
        if len(set(contents.values())) > 1:
            # Workers outvote no master. Of equally many the first: there is no telling then.
            of_masters = [contents[node.name] for node in masters if node.name in contents]
            right = Counter(of_masters or contents.values()).most_common(1)[0][0]
            having = next(name for name, content in contents.items() if content == right)
            for node_name, content in contents.items():
                if content != right:
                    yield Finding(
                        Grade.ERROR, node_name, "certs", path, "content",
                        f"the same as on {having}, sha256 {sha256(right)[:16]}",
                        f"sha256 {sha256(content)[:16]}",
                        _taken(judge, path, node_name),
                    )  # fmt: skip


def _masters(judge: Judge, seen: Mapping[str, SeenNode]) -> list[SeenNode]:
    return [seen[node.name] for node in judge.cluster.control_planes if node.name in seen]


def _taken(judge: Judge, path: str, name: str) -> str:
    """No key of a CA goes to a worker."""
    is_master = name in {node.name for node in judge.cluster.control_planes}
    return f"take {path}{' and its key' if is_master else ''} from a master whose files the cluster trusts"


def members(judge: Judge, seen: Mapping[str, SeenNode], api: SeenCluster) -> Iterator[Finding]:
    """etcd's members beside the masters, and each manifest's initial-cluster beside its own member."""
    if not api.members:
        return
    others = list(api.members)
    without = []
    for node in judge.cluster.control_planes:
        # Of several with its name its own; one that never started has none.
        named = sorted(
            (number for number, other in enumerate(others) if other.get("name") == node.name),
            key=lambda number: peer_url(node) not in others[number].get("peerURLs", ()),
        )
        member = others.pop(named[0]) if named else None
        if member is None:
            without.append(node)
            yield Finding(Grade.ERROR, node.name, "etcd", "etcd", "member", peer_url(node), ABSENT, cures.LOOK)
        elif member.get("isLearner"):
            yield Finding(
                Grade.WARNING, node.name, "etcd", "etcd", "member", "a voter", "a learner",
                cures.etcdctl(judge.cluster, "member", "promote", _id(member)),
            )  # fmt: skip
        elif peer_url(node) not in member.get("peerURLs", ()):
            peers = " ".join(member.get("peerURLs", ()))
            yield Finding(
                Grade.ERROR, node.name, "etcd", "etcd", "member.peerURLs", peer_url(node), peers,
                cures.etcdctl(judge.cluster, "member", "update", _id(member), f"--peer-urls={peer_url(node)}"),
            )  # fmt: skip
        path = f"{judge.cluster.paths.manifests}/etcd.yaml"
        text = (
            seen[node.name].files[path].content.decode(errors="replace")
            if node.name in seen and path in seen[node.name].files
            else ""
        )
        listed = re.search(r"--initial-cluster=(\S+)", text)
        own = f"{node.name}={peer_url(node)}"
        mends = judge.tools.ours and node.name not in judge.tools.outside
        if listed and own not in listed[1].split(","):
            yield Finding(
                Grade.WARNING, node.name, "etcd", path, "initial-cluster", f"with {own}", listed[1],
                cures.hardway(judge.tools, "etcd", node) if mends else "",
            )  # fmt: skip
    without += [node for node in judge.cluster.kubernetes_nodes if not node.is_control_plane]
    for member in others:
        at = " ".join(member.get("peerURLs", ()))
        told = f"{member.get('name') or 'one that never started'} at {at}"
        runs = [node.name for node in without if _may_run(judge, seen, node, member)]
        yield Finding(
            Grade.WARNING if runs else Grade.ERROR, CLUSTER, "etcd", "etcd", "member", "members are masters",
            f"{told}, which may run on {' '.join(runs)}" if runs else told,
            "" if runs else cures.etcdctl(judge.cluster, "member", "remove", _id(member)),
        )  # fmt: skip


def _may_run(judge: Judge, seen: Mapping[str, SeenNode], node: Node, member: Mapping[str, Any]) -> bool:
    """A node has this member, as far as anybody knows: a healthy voter is not to be removed for a label or a name."""
    is_its = member.get("name") == node.name or peer_url(node) in member.get("peerURLs", ())
    return is_its and (node.name not in seen or manifests.of_master(judge.cluster, seen[node.name].files))


def kubelet_client(
    judge: Judge, seen: Mapping[str, SeenNode], there: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """The API server's certificate for kubelets opens them by its group, or by a binding of its user."""
    path, binding = f"{judge.cluster.paths.pki}/apiserver-kubelet-client.crt", thaw(bootstrap_token.kubelet_client())
    if item_name(binding) in there:
        return
    cure = cures.of_object(replace(judge.tools, ours=False), judge.cluster, "bootstrap-token", binding)
    for node in judge.cluster.control_planes:
        if node.name in seen and path in seen[node.name].files:
            around = found.surroundings(seen[node.name], judge.moment)
            subject = pems.signed_fields(seen[node.name].files[path].content, around).get("subject", "")
            if subject and "O=" not in subject:
                yield Finding(
                    Grade.ERROR,
                    node.name,
                    "certs",
                    path,
                    "subject",
                    f"a group, or {item_name(binding)}",
                    subject,
                    cure,
                )


def _id(member: Mapping[str, Any]) -> str:
    """As etcdctl writes it; the API tells it as a decimal number."""
    return f"{int(str(member['ID'])):x}"


def authority(judge: Judge, seen: Mapping[str, SeenNode]) -> bytes:
    """The cluster's CA: the one that most masters have, or most nodes where no master was read; empty where none was seen."""
    path = judge.cluster.paths.ca
    having = [node for node in _masters(judge, seen) if path in node.files]
    having = having or [node for node in seen.values() if path in node.files]
    # Alike may differ in their text.
    contents = {pems.identity(node.files[path].content): node.files[path].content for node in having}
    counted = Counter(pems.identity(node.files[path].content) for node in having)
    return contents[counted.most_common(1)[0][0]] if having else b""
