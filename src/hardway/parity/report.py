"""The whole comparison of one cluster.yaml: every file of every node, and every object, chapter by chapter."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from hardway.config import load_with_text
from hardway.gotypes.paths import clean
from hardway.model import Cluster, EtcdLocal, Node
from hardway.parity import documents, made, objects, sealed, shared
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import Difference, compare
from hardway.parity.declared import Declared, declaration
from hardway.parity.documents import Documents
from hardway.parity.dry_run import Action
from hardway.parity.made import Requests
from hardway.parity.normalise import describe
from hardway.parity.oracle import Made, Oracle, patch_files
from hardway.parity.values import Fields
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.renderers import sandbox
from hardway.renderers.files import Entry, Kind, Tree, below, contents, file

CLUSTER = "cluster"
"""Stands for the node where an item is an API object."""


MEMBERS = ("initial-cluster", "initial-cluster-state")
"""Flags of etcd that say whom a member joins."""


@dataclass(frozen=True)
class Row:
    """One item: a file of a node, or an API object."""

    node: str
    chapter: str
    """Empty where only kubeadm has the item."""
    item: str
    fields: int
    """How many fields were compared."""
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class ParityReport:
    """Everything that was compared."""

    cluster: Cluster = field(repr=False)
    rows: tuple[Row, ...]

    @property
    def kubernetes(self) -> str:
        """Version of kubeadm and of everything that is made."""
        return self.cluster.release.kubernetes

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All of them, declared or not."""
        return tuple(difference for row in self.rows for difference in row.differences)

    @property
    def undeclared(self) -> tuple[Difference, ...]:
        """What nobody has given a reason for; empty means parity."""
        return tuple(difference for row in self.rows for difference, reason in self.judged(row) if reason is None)

    @property
    def declared(self) -> tuple[tuple[Difference, Declared], ...]:
        """What is kept, with its reason."""
        return tuple((d, reason) for row in self.rows for d, reason in self.judged(row) if reason is not None)

    def judged(self, row: Row) -> list[tuple[Difference, Declared | None]]:
        """The differences of a row, each with the reason for which it is kept, if there is one."""
        return [(difference, declaration(difference, self.cluster, row.node)) for difference in row.differences]


Work = Callable[[], Made]


def compare_file(path: Path, kubeadm: Path, authorities: Mapping[str, bytes] | None = None) -> ParityReport:
    """`compare_cluster` for a cluster.yaml; InvalidConfiguration for a wrong one."""
    cluster, text = load_with_text(path)
    return compare_cluster(cluster, documents.read(text), kubeadm, authorities)


def compare_cluster(
    cluster: Cluster, given: Documents, kubeadm: Path, authorities: Mapping[str, bytes] | None = None
) -> ParityReport:
    """Run the kubeadm binary and our chapters on the documents of a cluster, and compare. Needs root.

    `authorities`: CAs and service-account keys by their names below the certificates' directory, which both find and
    keep; looking for primes is what takes longest.
    StepFailed where one of the two does not get through.
    """
    oracle = Oracle(kubeadm, given, cluster)
    rows: list[Row] = []
    # Two at a time: each is mostly one process that looks for primes.
    with ThreadPoolExecutor(2) as pool:

        def both(ours: Work, theirs: Work) -> tuple[Made, Made]:
            first, second = pool.submit(ours), pool.submit(theirs)
            return first.result(), second.result()

        first = cluster.first_control_plane
        others = shared.foreign(cluster)
        there = {f"{cluster.paths.pki}/{name}": content for name, content in (authorities or {}).items()} | others
        known_before = {**(shared.downloaded(cluster, there) if there else {}), **patch_files(first)}
        ours, theirs = both(partial(made.init, cluster, known_before), partial(oracle.init, known_before))
        rows += _file_rows(cluster, first, (ours, theirs), (known_before, known_before))
        rotated = {side: _rotating(cluster, first, done.tree) for side, done in (("ours", ours), ("kubeadm", theirs))}
        final = both(partial(made.finalize, cluster, rotated["ours"]), partial(oracle.finalize, rotated["kubeadm"]))
        rows += _file_rows(cluster, first, final, (rotated["ours"], rotated["kubeadm"]), made.FINALIZE)
        asked, told = (
            pool.submit(
                made.requests,
                cluster,
                {
                    **shared.downloaded(cluster, others),
                    **below(ours.tree, cluster.paths.kubernetes, cluster.paths.pki),
                },
            ),
            pool.submit(oracle.actions),
        )
        actions, dry = told.result()
        stored = documents.stored(oracle.documents, (one.value for one in actions if one.resource == "configmaps"))
        objects_compared = _object_rows(cluster, asked.result(), ours, actions, dry)
        common = shared.downloaded(cluster, contents(ours.tree)), shared.downloaded(cluster, contents(theirs.tree))
        for node in cluster.joining_control_planes:
            before = {**common[0], **patch_files(node)}, {**common[1], **patch_files(node)}
            pair = both(
                partial(made.join_control_plane, cluster, node, before[0]),
                partial(oracle.join_control_plane, node, before[1], stored),
            )
            rows += _file_rows(cluster, node, pair, before)
        for node in cluster.workers:
            before = {**_trusted(cluster, ours.tree), **patch_files(node)}, {**patch_files(node)}
            pair = both(
                partial(made.join_worker, cluster, node, before[0]),
                partial(oracle.join_worker, node, before[1], stored),
            )
            rows += _file_rows(cluster, node, pair, before)
        rows += objects_compared
    return ParityReport(cluster, tuple(rows))


def _file_rows(
    cluster: Cluster,
    node: Node,
    pair: tuple[Made, Made],
    given: tuple[Tree, Tree] = ({}, {}),
    chapter: str = "",
) -> list[Row]:
    """What both have made where kubeadm writes, and below every directory that either has added to the machine."""
    with_ca = cluster.release.features.leaves_begin_with_ca
    where = (*folders_of(cluster), *{path for done in pair for path in sandbox.added_directories(done.tree)})
    ours, theirs = (
        describe(done.tree, replace(done.around, leaves_begin_with_ca=with_ca), before, where)
        for done, before in zip(pair, given, strict=True)
    )
    if node in cluster.joining_control_planes:
        ours, theirs = without_members(cluster, ours), without_members(cluster, theirs)
    chapters = made.chapters_of_paths(cluster, node)
    return rows_of(node.host_name, {path: chapter or chapters.get(path, "") for path in ours}, ours, theirs)


def without_members(cluster: Cluster, described: Mapping[str, Fields]) -> dict[str, Fields]:
    """A joining member's manifest but for the two flags that only a running etcd decides.

    A phase of `init` starts an etcd of its own (`app/phases/etcd/local.go`, getEtcdCommand); `parity.stored` asks both.
    """
    path, flags = f"{cluster.paths.manifests}/etcd.yaml", "containers[etcd].command"
    if path not in described:
        return dict(described)
    fields = dict(described[path])
    for name in MEMBERS:
        fields.pop(f"{flags}.flags.{name}", None)
    if f"{flags}.order" in fields:
        order = fields[f"{flags}.order"].split(" ")
        fields[f"{flags}.order"] = " ".join(name for name in order if name not in MEMBERS)
    return {**described, path: fields}


def _object_rows(
    cluster: Cluster, requests: Requests, ours: Made, actions: tuple[Action, ...], dry: Made
) -> list[Row]:
    tokens = cluster.bootstrap_tokens
    around = Surroundings(contents(ours.tree), requests.begun, requests.ended, tokens=tokens)
    described = objects.of_requests(requests, around)
    told = objects.of_actions(actions, replace(dry.around, tokens=tokens))
    rows = rows_of(CLUSTER, described.chapters, described.fields, told.fields)
    wanted = shared.transferred(cluster)
    opened = sealed.differences(requests, around.files, wanted)
    return [
        replace(row, fields=row.fields + len(wanted), differences=row.differences + opened)
        if row.item == sealed.ITEM
        else row
        for row in rows
    ]


def rows_of(
    node: str, chapters: Mapping[str, str], ours: Mapping[str, Fields], theirs: Mapping[str, Fields]
) -> list[Row]:
    """A row for each item of two descriptions."""
    found = compare(ours, theirs)
    return [
        Row(
            node,
            chapters.get(item, ""),
            item,
            len(ours.get(item, {}).keys() | theirs.get(item, {}).keys()),
            tuple(difference for difference in found if difference.item == item),
        )
        for item in sorted(ours.keys() | theirs.keys())
    ]


def _rotating(cluster: Cluster, node: Node, tree: Tree) -> Tree:
    """The files of a node whose kubelet has stored a certificate of its own; which one does not matter here."""
    pem = rotated_certificate(cluster, node)
    return {
        **below(tree, *folders_of(cluster), *sandbox.added_directories(tree)),
        str(PurePosixPath(pem).parent): Entry(Kind.DIRECTORY, 0o755),
        pem: file("certificate and key\n", 0o600),
    }


def _trusted(cluster: Cluster, tree: Tree) -> Tree:
    """What a worker has once it believes the cluster (kubeadm `app/cmd/phases/join/kubelet.go`, WriteCert)."""
    path = cluster.paths.ca
    return {**sandbox.with_parents(cluster.paths.kubernetes, cluster.paths.pki), path: file(tree[path].content)}


def folders_of(cluster: Cluster) -> tuple[str, ...]:
    """Where kubeadm writes; the directory of a stacked etcd's data must not be there for an external one."""
    paths, etcd = cluster.paths, cluster.etcd
    own = (etcd.data_dir,) if isinstance(etcd, EtcdLocal) else (EtcdLocal.data_dir, *map(clean, etcd.files))
    return (paths.kubernetes, paths.pki, paths.kubelet, *own)
