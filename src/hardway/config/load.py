"""Read everything, collect every problem, derive, and return a Cluster; or raise all problems at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from hardway import versions
from hardway.config import (
    api_versions,
    attachments,
    balancers,
    conflicts,
    external_etcd,
    kube_proxy,
    machines,
    networks,
    patches,
    rules,
    supply,
)
from hardway.config import kubeadm as api
from hardway.config.derive import derive
from hardway.config.document import MAX_BYTES, SourceDocument, parse
from hardway.config.inventory import API_VERSION, Inventory
from hardway.config.mirror import validate
from hardway.config.problems import InvalidConfiguration, Problem
from hardway.config.sources import Sources
from hardway.gotypes.durations import nanoseconds
from hardway.gotypes.structs import did_you_mean, wrong
from hardway.kinds import kubelet
from hardway.model import Cluster

MIRRORS: dict[str, type[api.TypeMeta]] = {
    "InitConfiguration": api.InitConfiguration,
    "ClusterConfiguration": api.ClusterConfiguration,
    "JoinConfiguration": api.JoinConfiguration,
    "Inventory": Inventory,
}
COMPONENTS = {
    "KubeletConfiguration": (kubelet.API_VERSION, kubelet.fields),
    "KubeProxyConfiguration": (kube_proxy.API_VERSION, kube_proxy.fields),
}
KINDS = (*MIRRORS, *COMPONENTS)
REQUIRED = ("ClusterConfiguration", "Inventory")


def load(path: Path) -> Cluster:
    """The cluster that a file describes; InvalidConfiguration with all problems otherwise."""
    return load_with_text(path)[0]


def load_with_text(path: Path) -> tuple[Cluster, str]:
    """The same for who needs the file's text as well: a pipe can be read only once."""
    text = text_of(path)
    return loads(text, file=str(path), folder=path.parent), text


def text_of(path: Path) -> str:
    """What a cluster.yaml says; InvalidConfiguration where it is no text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}", "name it with --file") from None
    if len(raw) > MAX_BYTES:
        raise _refused(path, "is larger than 4 MiB")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _refused(path, "is not text in UTF-8") from None


def _refused(path: Path, message: str, hint: str = "") -> InvalidConfiguration:
    return InvalidConfiguration("", file=str(path), problems=(Problem(message, hint=hint),))


def loads(text: str, *, file: str = "cluster.yaml", folder: Path = Path()) -> Cluster:
    """`load` for text; files that the Inventory names are looked up in `folder`."""
    documents, problems = parse(text)
    if not documents and not problems:
        problems.append(Problem("is empty", hint="it holds kubeadm's documents and an Inventory"))
    problems += _sort_out(documents)
    kubernetes = kubernetes_version(documents)
    sources = Sources(versions.find(kubernetes), kubernetes)
    problems += _read(documents, sources)
    # What goes together can only be asked where both documents could be read.
    if all(kind in sources.parsed for kind in REQUIRED):
        for check in (machines.problems, *TOGETHER):
            problems += check(sources)
        problems += attachments.read(sources, folder)
        problems += patches.read(sources, folder)
        problems += external_etcd.attached(sources)
    cluster = None if problems else derive(sources)
    if cluster is not None:
        problems += patches.unfit(sources, cluster)
        if not problems:
            return cluster
    ordered = tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column)))
    raise InvalidConfiguration("", file=file, problems=ordered, lines=tuple(text.splitlines()))


def _sort_out(documents: list[SourceDocument]) -> Iterator[Problem]:
    """Unknown, doubled and missing documents."""
    counts = Counter(document.kind for document in documents)
    for document in documents:
        if document.kind not in KINDS:
            yield document.problem(("kind",), f"unknown kind `{document.kind}`", did_you_mean(document.kind, KINDS))
    for kind, count in counts.items():
        if count > 1 and kind in KINDS:
            last = [document for document in documents if document.kind == kind][-1]
            yield last.problem(("kind",), f"{kind} stands {count} times", "keep one of them")
    for kind in REQUIRED if documents else ():
        if kind not in counts:
            yield Problem(f"there is no {kind}", hint="examples/lab/cluster.yaml shows a whole file")


def kubernetes_version(documents: list[SourceDocument]) -> str:
    """The one that ClusterConfiguration asks for."""
    wanted = next((d.value.get("kubernetesVersion") for d in documents if d.kind == "ClusterConfiguration"), None)
    return str(wanted)


def _read(documents: list[SourceDocument], sources: Sources) -> Iterator[Problem]:
    """Each document for itself."""
    for document in documents:
        version = version_problem(document, sources.config_apis)
        if version is not None:
            yield version
        elif document.kind in COMPONENTS:
            sources.documents[document.kind] = document
            for path, message, hint in wrong(COMPONENTS[document.kind][1](sources.features), document.value):
                yield document.problem(path, message, hint)
        elif document.kind in MIRRORS:
            sources.documents[document.kind] = document
            parsed, found = validate(document, MIRRORS[document.kind])
            yield from found
            yield from api_versions.problems(document)
            if parsed is not None:
                sources.parsed[document.kind] = parsed
        if document.kind == "ClusterConfiguration" and sources.release is None:
            yield document.problem(
                ("kubernetesVersion",),
                f"Kubernetes `{document.value.get('kubernetesVersion')}` is not supported",
                f"supported: {', '.join(versions.supported())}",
            )


def version_problem(document: SourceDocument, readable: tuple[str, ...]) -> Problem | None:
    """The document is in an API version that is not read."""
    if document.kind in COMPONENTS or document.kind == "Inventory":
        known = COMPONENTS[document.kind][0] if document.kind in COMPONENTS else API_VERSION
        if document.api_version != known:
            return document.problem(("apiVersion",), f"must be `{known}`, not `{document.api_version}`")
    elif document.kind in MIRRORS and document.api_version not in readable:
        return document.problem(
            ("apiVersion",),
            f"kubeadm of this version does not read `{document.api_version}`",
            f"it reads: {', '.join(readable)}",
        )
    return None


def durations(sources: Sources) -> Iterator[Problem]:
    """The Inventory's."""
    life = nanoseconds(sources.inventory.token_ttl)
    if life is None or life <= 0:
        yield sources.documents["Inventory"].problem(
            ("tokenTtl",), f"`{sources.inventory.token_ttl}` is not a duration", "for example 2h0m0s"
        )


TOGETHER: tuple[Callable[[Sources], Iterator[Problem]], ...] = (
    balancers.problems,
    networks.problems,
    supply.problems,
    rules.problems,
    conflicts.problems,
    patches.given,
    external_etcd.problems,
    durations,
)
"""What is asked of all documents at once, in this order; names of machines are asked for themselves."""
