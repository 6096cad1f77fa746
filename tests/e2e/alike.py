"""What masters have, whoever made it, beside what hardway's chapters make of the same cluster.yaml."""

import base64
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from e2e.harness import Harness
from hardway.config import load
from hardway.model import Cluster, Node
from hardway.parity import made, shared
from hardway.parity.compare import compare
from hardway.parity.normalise import describe
from hardway.parity.oracle import Made
from hardway.parity.values import Fields
from hardway.renderers.files import Tree, contents, from_tar

SIGNED = (".crt", ".key", ".pub", ".conf")
"""What has another content in each cluster. Of all other files the plan asks every byte."""
OF_THE_KUBELET = "/kubelet.conf"
"""The kubelet writes it anew when it has its certificate; the audit judges it."""


def assert_alike(it: Harness) -> None:
    """Keys, certificates and kubeconfigs of every master are alike field by field, with their modes and owners."""
    cluster = load(it.file)
    first, *others = cluster.control_planes
    ours = made.init(cluster)
    there, seen_first = _described(cluster, ours), _seen(it, cluster, first)
    assert [str(one) for one in compare(_signed(there), _signed(seen_first.fields))] == []
    for node in others:
        start = shared.downloaded(cluster, contents(ours.tree))
        joined = _described(cluster, made.join_control_plane(cluster, node, start), start)
        seen = _seen(it, cluster, node)
        handed_on = {path for path in seen.tree if path in start and path.endswith(SIGNED)}
        assert {path: seen.tree[path].content for path in handed_on} == {
            path: seen_first.tree[path].content for path in start if path.endswith(SIGNED)
        }
        own = {path: fields for path, fields in seen.fields.items() if path not in handed_on}
        assert [str(one) for one in compare(_signed(joined), _signed(own))] == [], node.host_name


@dataclass(frozen=True)
class Seen:
    """The files of a node, and the same in words."""

    tree: Tree = field(repr=False)
    fields: Mapping[str, Fields]


def _seen(it: Harness, cluster: Cluster, node: Node) -> Seen:
    folder = cluster.paths.kubernetes
    packed = it.lab.exec(node.host_name, f"tar -C / -c {folder.lstrip('/')} | base64 -w 0")
    data = base64.b64decode(packed)
    tree = dict(from_tar(data))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        written = {f"/{one.name}": datetime.fromtimestamp(one.mtime, UTC) for one in archive}
    fields: dict[str, Fields] = {}
    for path, entry in tree.items():
        # A certificate was issued just before its file was written; ends are told in units of five minutes.
        issued = Made(tree, written[path] - timedelta(minutes=4), written[path])
        fields |= _described(cluster, replace(issued, tree={path: entry}), {}, tree)
    return Seen(tree, fields)


def _described(
    cluster: Cluster, done: Made, given: Tree | None = None, beside: Tree | None = None
) -> dict[str, Fields]:
    around = replace(
        done.around,
        files=contents(beside or done.tree),
        leaves_begin_with_ca=cluster.release.features.leaves_begin_with_ca,
    )
    return describe(done.tree, around, given or {}, (cluster.paths.kubernetes,))


def _signed(fields: Mapping[str, Fields]) -> dict[str, Fields]:
    return {
        path: value for path, value in fields.items() if path.endswith(SIGNED) and not path.endswith(OF_THE_KUBELET)
    }
