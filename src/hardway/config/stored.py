"""What a living cluster has stored, perhaps by somebody else: what kubeadm reads is read here, too.

Such a cluster is there already, so it is no question whether hardway would build it: that it would not is told beside
the model. Refused is only what leaves no model to compare anything with.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hardway import versions
from hardway.config import (
    api_versions,
    attachments,
    balancers,
    external_etcd,
    machines,
    networks,
    patches,
    rules,
)
from hardway.config import kubeadm as api
from hardway.config.derive import derive
from hardway.config.document import SourceDocument, parse
from hardway.config.load import COMPONENTS, KINDS, MIRRORS, REQUIRED, TOGETHER, kubernetes_version, version_problem
from hardway.config.mirror import unknown, validate
from hardway.config.problems import InvalidConfiguration, Problem
from hardway.config.sources import Sources
from hardway.features import V1BETA3, V1BETA4
from hardway.gotypes.structs import UNKNOWN, did_you_mean, wrong
from hardway.model import Cluster
from hardway.versions import Release


@dataclass(frozen=True)
class Objection:
    """Something that hardway would not build."""

    source: str
    """Name of the text that says it."""
    problem: Problem
    unreadable: bool = False
    """Neither would kubeadm read it."""


def stored(texts: Mapping[str, str], *, folder: Path, etcd_tag: str = "") -> tuple[Cluster, tuple[Objection, ...]]:
    """The cluster of some texts (by name; one of them holds ClusterConfiguration, one the Inventory), and the objections.

    `etcd_tag` is that of the image that its etcd runs: which one belongs to a patch release that is not listed only the
    kubeadm of that release knows. InvalidConfiguration where there is no model without what is wrong.
    """
    parsed = {name: parse(text) for name, text in texts.items()}
    origins = {document.kind: name for name, (documents, _) in parsed.items() for document in documents}
    sources = Sources(_release([document for documents, _ in parsed.values() for document in documents], etcd_tag))
    objections: list[Objection] = []
    for name, (documents, problems) in parsed.items():
        # Beside a document it is about a value that stands twice, of which the last one counts.
        objections += [Objection(name, problem, unreadable=not documents) for problem in problems]
        for document in documents:
            objections += _read(sources, name, document)
    lacking = next((kind for kind in REQUIRED if kind not in sources.parsed), "")
    if lacking:
        name = origins.get(lacking) or next((name for name, (found, _) in parsed.items() if not found), "")
        fatal = [one.problem for one in objections if one.source == name and one.unreadable]
        raise _refused(name, fatal or [Problem(f"there is no {lacking}")], texts)
    fatal = [problem for check in (machines, balancers, networks, rules) for problem in check.unusable(sources)]
    fatal = fatal or [*attachments.read(sources, folder), *patches.read(sources, folder)]
    cluster = None if fatal else derive(sources)
    if cluster is not None:
        fatal = list(patches.unfit(sources, cluster))
    if cluster is None or fatal:
        name = origins[_kind(fatal[0])]
        raise _refused(name, [problem for problem in fatal if origins[_kind(problem)] == name], texts)
    objections += [Objection(origins[_kind(problem)], problem) for problem in _unbuilt(sources)]
    return cluster, tuple(dict.fromkeys(objections))


def _refused(name: str, problems: list[Problem], texts: Mapping[str, str]) -> InvalidConfiguration:
    lines = tuple(texts.get(name, "").splitlines())
    return InvalidConfiguration("", file=name, problems=tuple(dict.fromkeys(problems)), lines=lines)


def _kind(problem: Problem) -> str:
    """The kind of the document that a problem is in."""
    return problem.path.split(".")[0]


def _release(documents: list[SourceDocument], etcd_tag: str) -> Release | None:
    """The release of the stored version, reading what is stored."""
    version = kubernetes_version(documents)
    release = versions.like(version)
    stored_in = next((d.api_version for d in documents if d.kind == "ClusterConfiguration"), "")
    if release and etcd_tag and versions.find(version) is None:
        release = replace(release, etcd_image_tag=etcd_tag)
    if release and stored_in == V1BETA4 and stored_in not in release.features.config_apis:
        # The kubeadm of the next minor builds this one as well, and stores what it reads itself.
        features = replace(release.features, upload_config_api=stored_in, authorization_mode_stored=False)
        release = replace(release, features=features)
    return release


def _read(sources: Sources, name: str, document: SourceDocument) -> Iterator[Objection]:
    """Puts what can be read of a document into `sources`. kubeadm warns of fields that it does not know, and goes on."""
    version = version_problem(document, sources.config_apis)
    if document.kind in COMPONENTS and version:
        yield Objection(name, version, unreadable=True)
    elif document.kind in COMPONENTS:
        bad = list(wrong(COMPONENTS[document.kind][1](sources.features), document.value))
        for path, message, hint in bad:
            yield Objection(name, document.problem(path, message, hint), unreadable=not message.startswith(UNKNOWN))
        sources.documents[document.kind] = document.without([path for path, _, _ in bad])
    elif document.kind in MIRRORS:
        yield from _read_mirrored(sources, name, document, version)
    else:
        hint = did_you_mean(document.kind, KINDS)
        yield Objection(name, document.problem(("kind",), f"unknown kind `{document.kind}`", hint), unreadable=True)


def _read_mirrored(
    sources: Sources, name: str, document: SourceDocument, version: Problem | None
) -> Iterator[Objection]:
    is_stored = document.kind == "ClusterConfiguration"
    # The mirrors have the fields of both.
    other = version is not None and document.api_version not in (V1BETA3, V1BETA4)
    if version:
        yield Objection(name, version, unreadable=other)
    mirror = api.StoredClusterConfiguration if is_stored else MIRRORS[document.kind]
    strange = unknown(document, mirror) if is_stored else {}
    document = document.without(strange)
    parsed, problems = validate(document, mirror)
    yield from (Objection(name, problem) for problem in strange.values())
    yield from (Objection(name, problem, unreadable=True) for problem in problems)
    yield from (Objection(name, problem) for problem in api_versions.problems(document))
    unsupported = is_stored and sources.release is None
    if unsupported:
        problem = document.problem(
            ("kubernetesVersion",),
            f"Kubernetes `{document.value.get('kubernetesVersion')}` is not known here",
            f"known are the releases of {', '.join(versions.minors())}",
        )
        yield Objection(name, problem, unreadable=True)
    sources.documents[document.kind] = document
    if parsed is not None and not other and not unsupported:
        sources.parsed[document.kind] = parsed


def _unbuilt(sources: Sources) -> Iterator[Problem]:
    """What hardway would not build.

    Names of machines are not among it: those that the cluster has are Nodes' names already, at whatever length.
    """
    if not sources.cluster.control_plane_endpoint:
        about = sources.documents["ClusterConfiguration"]
        yield about.problem(("controlPlaneEndpoint",), "it is missing: no further master can join")
    for check in (*TOGETHER, external_etcd.attached):
        yield from check(sources)
