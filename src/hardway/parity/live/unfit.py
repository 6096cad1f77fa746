"""What no configuration asks for and what nobody can use, or what opens a door: signatures that Go refuses, kubeconfigs that
trust anybody or act as somebody else, manifests that a kubelet cannot read. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from hardway.config.scalars import value_of
from hardway.model import EtcdExternal, Node
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.live import cures, cures_of_files, external, found, kubeconfigs, pems, wanted
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenNode
from hardway.parity.live.wanted import Wanted
from hardway.steps.shell import quote, words

_REFUSED = ("md5", "sha1")
"""By crypto/x509 of Go 1.18 and later, and so by every part of Kubernetes."""
_INSECURE = "insecure-skip-tls-verify"
_OTHERS_WAYS = ("token", "tokenFile", "username", "password", "exec", "auth-provider")
_OTHERS_NAMES = ("as", "as-uid", "as-groups", "as-user-extra")


def files(judge: Judge, node: Node, seen: SeenNode) -> Iterator[Finding]:
    """Of the files that the node should have, whatever they should say."""
    expected = wanted.files(judge.cluster, node, found.surroundings(seen, judge.moment))
    etcd = judge.cluster.etcd
    others = etcd.files if isinstance(etcd, EtcdExternal) and node.is_control_plane else ()
    for path in sorted({*expected, *others} & seen.files.keys()):
        content, item = seen.files[path].content, expected.get(path)
        if path.endswith(".conf"):
            yield from _signatures(judge, node, path, item, kubeconfigs.client_certificate(content), seen)
            if item:
                yield from _kubeconfig(node, path, item.chapter, content)
        elif b"BEGIN CERTIFICATE" in content:
            yield from _signatures(judge, node, path, item, content, seen)
        elif item and path.startswith(f"{judge.cluster.paths.manifests}/") and content:
            yield from _manifest(node, path, item.chapter, content)


def _signatures(
    judge: Judge, node: Node, path: str, item: Wanted | None, pem: bytes, seen: SeenNode
) -> Iterator[Finding]:
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except pems.UNREADABLE:
        # Told as a certificate that cannot be read.
        return
    for certificate in certificates:
        # Nobody asks for the signature of a root.
        if certificate.issuer != certificate.subject and (weak := _weak(certificate)):
            difference = Difference(path, "signature", "SHA-256 or a longer one", f"{weak}, which Go refuses")
            chapter = item.chapter if item else external.CHAPTER
            cure = (
                cures_of_files.of_file(judge.tools, judge.cluster, node, item, difference, seen.files)
                if item
                else external.RENEWAL
            )
            yield Finding(
                Grade.ERROR, node.name, chapter, path, difference.field, difference.ours, difference.kubeadm,
                "" if path.endswith("/kubelet.conf") else cure,
            )  # fmt: skip


def _weak(certificate: x509.Certificate) -> str:
    """The hash of a signature that Go refuses; empty for a good one."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return certificate.signature_algorithm_oid.dotted_string
    return algorithm.name.upper() if algorithm and algorithm.name in _REFUSED else ""


def _kubeconfig(node: Node, path: str, chapter: str, content: bytes) -> Iterator[Finding]:
    """What its current context leads to; of what people have added, only that it trusts anybody."""
    used, conf = kubeconfigs.used(content), f"kubectl --kubeconfig={quote(path)} config"
    if not used.cluster and path.endswith("/kubelet.conf"):
        # Of the others the context is compared.
        yield Finding(
            Grade.ERROR, node.name, chapter, path, "current-context", "one that leads to a cluster and a user",
            used.context or ABSENT, f'{conf} use-context "$({conf} get-contexts -o name | head -n 1)"; systemctl restart kubelet',
        )  # fmt: skip
    for name, cluster in kubeconfigs.clusters(content).items():
        if cluster.get(_INSECURE) not in (None, False):
            grade = Grade.ERROR if name == used.cluster else Grade.NOTE
            cure = f"{conf} {words(['set-cluster', name, f'--{_INSECURE}=false'])}"
            yield Finding(grade, node.name, chapter, path, f"clusters[{name}].{_INSECURE}", ABSENT, "true", cure)
    if "proxy-url" in used.its_cluster:
        cure = f"{conf} {words(['set-cluster', used.cluster, '--proxy-url='])}"
        field = f"clusters[{used.cluster}].proxy-url"
        yield Finding(Grade.WARNING, node.name, chapter, path, field, ABSENT, "present", cure)
    for key in (*_OTHERS_NAMES, *_OTHERS_WAYS):
        if key in used.its_user:
            # kubectl has names of its own for those.
            name = f"act-{key}" if key in _OTHERS_NAMES else key
            cure = f"{conf} {words(['unset', f'users.{used.user}.{name}'])}"
            field = f"users[{used.user}].{key}"
            yield Finding(Grade.WARNING, node.name, chapter, path, field, ABSENT, "present", cure)


def _manifest(node: Node, path: str, chapter: str, content: bytes) -> Iterator[Finding]:
    """A kubelet takes no Pod whose commands are anything but words: it runs the old one until it is gone, and then none."""
    try:
        value = value_of(content)
    except (yaml.YAMLError, ValueError):
        # Told as a document that cannot be read.
        return
    for where, item in _words(value):
        if not isinstance(item, str):
            yield Finding(
                Grade.ERROR, node.name, chapter, path, where, "words", _kind(item), cures.LOOK,
            )  # fmt: skip


def _words(value: Any) -> Iterator[tuple[str, Any]]:
    """What should be words in a Pod, each with its place; for a list that is none, something else that is no word."""
    spec = value.get("spec") if isinstance(value, Mapping) else None
    containers = spec.get("containers") if isinstance(spec, Mapping) else None
    if not isinstance(containers, list):
        yield "spec.containers", containers
        return
    for number, container in enumerate(containers):
        place = f"spec.containers[{number}]"
        if not isinstance(container, Mapping):
            yield place, [container]
            continue
        for field in ("command", "args"):
            listed = container.get(field)
            for index, item in enumerate(listed) if isinstance(listed, list) else ():
                yield f"{place}.{field}[{index}]", item
            if listed is not None and not isinstance(listed, list):
                # Also a single word.
                yield f"{place}.{field}", [listed]


def _kind(value: Any) -> str:
    """What it is, and not what it says."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case Mapping():
            return "a map"
        case _:
            return "no list of words"
