"""Read everything, collect every problem, derive, and return a Cluster; or raise all problems at once."""

import difflib
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from hardway.config import components
from hardway.config import kubeadm as api
from hardway.config.derive import Sources, derive
from hardway.config.document import MAX_BYTES, SourceDocument, parse
from hardway.config.inventory import API_VERSION, Inventory
from hardway.config.problems import InvalidConfiguration, Problem
from hardway.model import Cluster, freeze_document
from hardway.versions import RELEASES, supported

KUBEADM_KINDS: dict[str, type[api.TypeMeta]] = {
    "InitConfiguration": api.InitConfiguration,
    "ClusterConfiguration": api.ClusterConfiguration,
    "JoinConfiguration": api.JoinConfiguration,
}
COMPONENT_KINDS = {
    "KubeletConfiguration": ("kubelet.config.k8s.io/v1beta1", components.KUBELET),
    "KubeProxyConfiguration": ("kubeproxy.config.k8s.io/v1alpha1", components.KUBE_PROXY),
}
KINDS = (*KUBEADM_KINDS, *COMPONENT_KINDS, "Inventory")
REQUIRED = ("ClusterConfiguration", "Inventory")

DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
MAX_NAME = 52
"""An X.509 common name has 64 characters, and `system:node:` takes 12 of them."""
TOKEN = re.compile(r"^[a-z0-9]{6}\.[a-z0-9]{16}$")
CERTIFICATE_KEY = re.compile(r"^[0-9a-f]{64}$")

Model = TypeVar("Model", bound=api.TypeMeta)


def load(path: Path) -> Cluster:
    """The cluster that a file describes; InvalidConfiguration with all problems otherwise."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidConfiguration(
            "", file=str(path), problems=(Problem(f"cannot be read: {error.strerror}", hint="name it with --file"),)
        ) from None
    if len(raw) > MAX_BYTES:
        raise InvalidConfiguration("", file=str(path), problems=(Problem("is larger than 4 MiB"),))
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InvalidConfiguration("", file=str(path), problems=(Problem("is not text in UTF-8"),)) from None
    return loads(text, file=str(path), folder=path.parent)


def loads(text: str, *, file: str = "cluster.yaml", folder: Path = Path()) -> Cluster:
    """`load` for text; files that the Inventory names are looked up in `folder`."""
    documents, problems = parse(text)
    if not documents and not problems:
        problems.append(Problem("is empty", hint="it holds kubeadm's documents and an Inventory"))
    problems += _sort_out(documents)
    sources = Sources()
    if not problems or documents:
        problems += _read_documents(documents, sources)
    if not problems:
        problems += list(_cross_checks(sources, folder))
    if problems:
        ordered = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        raise InvalidConfiguration("", file=file, problems=ordered, lines=tuple(text.splitlines()))
    return derive(sources)


def _sort_out(documents: list[SourceDocument]) -> list[Problem]:
    """Unknown, doubled and missing documents."""
    problems = []
    counts = Counter(document.kind for document in documents)
    for document in documents:
        if document.kind not in KINDS:
            problems.append(
                document.problem(("kind",), f"unknown kind `{document.kind}`", _did_you_mean(document.kind, KINDS))
            )
    for kind, count in counts.items():
        if count > 1 and kind in KINDS:
            last = [document for document in documents if document.kind == kind][-1]
            problems.append(last.problem(("kind",), f"{kind} stands {count} times", "keep one of them"))
    if documents:
        for kind in REQUIRED:
            if kind not in counts:
                problems.append(Problem(f"there is no {kind}", hint="examples/lab/cluster.yaml shows a whole file"))
    return problems


def _read_documents(documents: list[SourceDocument], sources: Sources) -> list[Problem]:
    problems: list[Problem] = []
    release = None
    for document in documents:
        if document.kind == "ClusterConfiguration":
            version = document.value.get("kubernetesVersion")
            release = next((r for r in RELEASES if r.kubernetes == version), None)
            if release is None:
                problems.append(
                    document.problem(
                        ("kubernetesVersion",),
                        f"Kubernetes `{version}` is not supported",
                        f"supported: {', '.join(supported())}",
                    )
                )
    readable = (release or RELEASES[0]).features.config_apis
    for document in documents:
        if document.kind in KUBEADM_KINDS:
            if document.api_version not in readable:
                problems.append(
                    document.problem(
                        ("apiVersion",),
                        f"kubeadm of this version does not read `{document.api_version}`",
                        f"it reads: {', '.join(readable)}",
                    )
                )
                continue
            parsed, found = _validate(document, KUBEADM_KINDS[document.kind])
        elif document.kind == "Inventory":
            if document.api_version != API_VERSION:
                problems.append(document.problem(("apiVersion",), f"unknown version, known is `{API_VERSION}`"))
                continue
            parsed, found = _validate(document, Inventory)
        elif document.kind in COMPONENT_KINDS:
            problems += _component_problems(document)
            sources.documents[document.kind] = document
            continue
        else:
            continue
        problems += found
        sources.documents[document.kind] = document
        if parsed is not None:
            sources.parsed[document.kind] = parsed
    return problems


def _validate(document: SourceDocument, model: type[Model]) -> tuple[Model | None, list[Problem]]:
    try:
        return model.model_validate(document.value), []
    except ValidationError as error:
        return None, [_from_pydantic(document, model, dict(detail)) for detail in error.errors()]


def _from_pydantic(document: SourceDocument, model: type[api.TypeMeta], detail: dict[str, Any]) -> Problem:
    path = tuple(detail["loc"])
    message, hint = str(detail["msg"]).lower(), ""
    if detail["type"] == "extra_forbidden":
        names = _names(model)
        message, hint = f"unknown field `{path[-1]}`", _did_you_mean(str(path[-1]), names)
    elif detail["type"] == "missing":
        message = f"`{path[-1]}` is missing"
    elif detail["type"] == "string_type":
        message, hint = f"must be text, not `{detail['input']}`", "write it in quotes"
    return document.problem(path, message, hint)


def _names(model: type[Any], seen: frozenset[type[Any]] = frozenset()) -> list[str]:
    """Names of all fields of a document, nested ones included."""
    names: list[str] = []
    for field in model.model_fields.values():
        names.append(field.alias or "")
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, api.Strict) and inner not in seen:
                names += _names(inner, seen | {inner})
    return names


def _did_you_mean(word: str, names: Any) -> str:
    close = difflib.get_close_matches(word, list(names), n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def _component_problems(document: SourceDocument) -> Iterator[Problem]:
    wanted, fields = COMPONENT_KINDS[document.kind]
    if document.api_version != wanted:
        yield document.problem(("apiVersion",), f"must be `{wanted}`")
    for name, value in document.value.items():
        if name in ("apiVersion", "kind"):
            continue
        if name not in fields:
            yield document.problem((name,), f"unknown field `{name}`", _did_you_mean(name, fields))
        elif not components.fits(fields[name], value):
            yield document.problem((name,), f"must be of type {fields[name].kind}, not `{value}`")


def _network(document: SourceDocument, path: tuple[str | int, ...], text: str) -> tuple[list[Any], list[Problem]]:
    networks: list[Any] = []
    for part in text.split(",") if text else []:
        try:
            networks.append(ipaddress.ip_network(part.strip()))
        except ValueError as error:
            return [], [document.problem(path, f"not a CIDR: {error}", "for example 10.96.0.0/16")]
    return networks, []


def _cross_checks(sources: Sources, folder: Path) -> Iterator[Problem]:
    """Everything that needs more than one field."""
    inventory, document = sources.inventory, sources.documents["Inventory"]
    cluster, about = sources.cluster, sources.documents["ClusterConfiguration"]
    yield from _node_checks(sources)
    services, bad = _network(about, ("networking", "serviceSubnet"), cluster.networking.service_subnet)
    yield from bad
    pods, bad = _network(about, ("networking", "podSubnet"), cluster.networking.pod_subnet)
    yield from bad
    for one in services:
        if one.num_addresses < 16:
            yield about.problem(("networking", "serviceSubnet"), f"{one} is too small: the 10th address is the DNS")
        for other in pods:
            if one.version == other.version and one.overlaps(other):
                yield about.problem(("networking", "podSubnet"), f"pods {other} overlap services {one}")
    for number, node in enumerate(inventory.nodes):
        address = _address(node.address)
        for name, networks in (("serviceSubnet", services), ("podSubnet", pods)):
            for network in networks:
                if address is not None and address in network:
                    yield document.problem(("nodes", number, "address"), f"lies in {name} {network}")
    own, bad = _network(document, ("network", "podCIDR"), inventory.network.pod_cidr)
    yield from bad
    pods = own or pods
    if inventory.network.kind == "bridge" and not pods:
        yield document.problem(("network",), "network `bridge` needs podCIDR", "for example 10.244.0.0/16")
    for one in services:
        for other in own:
            if one.version == other.version and one.overlaps(other):
                yield document.problem(("network", "podCIDR"), f"pods {other} overlap services {one}")
    if components.seconds(cluster.api_server.timeout_for_control_plane) is None:
        yield about.problem(("apiServer", "timeoutForControlPlane"), "not a duration", "for example 4m0s")
    if components.seconds(inventory.token_ttl) is None:
        yield document.problem(("tokenTtl",), "not a duration", "for example 2h0m0s")
    yield from _secret_checks(sources)
    for path, name in inventory.files.items():
        if not path.startswith("/"):
            yield document.problem(("files", path), "must be an absolute path on the node")
        try:
            sources.files[path] = (folder / name).read_text()
        except (OSError, UnicodeDecodeError) as error:
            yield document.problem(("files", path), f"`{name}` cannot be read: {getattr(error, 'strerror', error)}")
    for number, name in enumerate(inventory.manifests):
        yield from _manifest(sources, document, number, name, folder)


def _manifest(sources: Sources, document: SourceDocument, number: int, name: str, folder: Path) -> Iterator[Problem]:
    place = ("manifests", number)
    try:
        values = list(yaml.safe_load_all((folder / name).read_text()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        yield document.problem(place, f"`{name}` cannot be read: {getattr(error, 'strerror', None) or error}")
        return
    for value in values:
        if value is None:
            continue
        if not isinstance(value, dict) or not {"apiVersion", "kind", "metadata"} <= value.keys():
            yield document.problem(place, f"`{name}` holds something that is no API object")
            return
        sources.manifests.append(freeze_document(value))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _node_checks(sources: Sources) -> Iterator[Problem]:
    inventory, document = sources.inventory, sources.documents["Inventory"]
    masters = [node for node in inventory.nodes if "control-plane" in node.roles]
    if not masters:
        yield document.problem(("nodes",), "there is no master", "give one or three nodes the role control-plane")
    names, addresses = Counter(n.name for n in inventory.nodes), Counter(n.address for n in inventory.nodes)
    for number, node in enumerate(inventory.nodes):
        here = ("nodes", number)
        full = sources.full_name(node.name)
        if not all(DNS_LABEL.match(label) for label in full.split(".")):
            yield document.problem((*here, "name"), f"`{full}` is not a DNS name", "lower-case letters, digits and -")
        elif len(full) > MAX_NAME:
            yield document.problem((*here, "name"), f"`{full}` has {len(full)} characters, at most {MAX_NAME} fit")
        if names[node.name] > 1:
            yield document.problem((*here, "name"), f"`{node.name}` stands twice")
        if _address(node.address) is None:
            yield document.problem((*here, "address"), f"`{node.address}` is not an IP address")
        elif addresses[node.address] > 1:
            yield document.problem((*here, "address"), f"`{node.address}` stands twice")
        if "load-balancer" in node.roles and "control-plane" in node.roles and inventory.load_balancer.port == 6443:
            yield document.problem((*here, "roles"), "balancer and API server would share port 6443")
        _, bad = _network(document, (*here, "podCIDR"), node.pod_cidr)
        yield from bad


def _secret_checks(sources: Sources) -> Iterator[Problem]:
    init, join = sources.init, sources.join
    if init:
        document = sources.documents["InitConfiguration"]
        for number, token in enumerate(init.bootstrap_tokens):
            if token.token and not TOKEN.match(token.token):
                yield document.problem(
                    ("bootstrapTokens", number, "token"),
                    "not a bootstrap token",
                    "leave it out: each node gets its own",
                )
        if init.certificate_key and not CERTIFICATE_KEY.match(init.certificate_key):
            yield document.problem(
                ("certificateKey",), "not 32 bytes in hexadecimal", "leave it out: it is minted for each run"
            )
    if join:
        document = sources.documents["JoinConfiguration"]
        token_discovery = join.discovery.bootstrap_token
        if token_discovery.unsafe_skip_ca_verification:
            yield document.problem(
                ("discovery", "bootstrapToken", "unsafeSkipCAVerification"),
                "joins always verify the CA",
                "remove it: hardway pins the CA itself",
            )
