"""Mirrors of registries and HTTP proxies: what is wrong with them, and what follows from them."""

import ipaddress
import re
from collections.abc import Iterator

from hardway.config.document import SourceDocument
from hardway.config.networks import address
from hardway.config.problems import Problem
from hardway.config.sources import Sources
from hardway.gotypes.structs import Path
from hardway.model import Networking, Node, Proxy, Registry, RegistryMirror

_NAME = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
HOST = re.compile(_NAME)
PROXY = re.compile(rf"https?://{_NAME}/?")
MIRROR = re.compile(rf"https?://{_NAME}(?:/[A-Za-z0-9._~/-]*)?")
DIRECT = re.compile(r"[A-Za-z0-9.:/_*\[\]-]+")
"""An entry of NO_PROXY: host, .domain, address, network; perhaps with a port."""


def problems(sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong with proxies and registries."""
    yield from _proxy(sources)
    yield from _registries(sources)
    about, downloads = sources.documents["Inventory"], sources.inventory.downloads
    places: list[tuple[Path, str]] = [(("downloads", "mirror"), downloads.mirror)]
    places += [
        (("downloads", "components", name, "repository"), d.repository) for name, d in downloads.components.items()
    ]
    for path, url in places:
        if "@" in url.partition("://")[2].partition("/")[0]:
            yield about.problem(
                path, "the URL cannot carry a login here", "everybody on a node can read it: serve it without one"
            )


def _proxy(sources: Sources) -> Iterator[Problem]:
    about, given = sources.documents["Inventory"], sources.inventory.proxy
    for name, url in (("http", given.http), ("https", given.https)):
        if "@" in url:
            yield about.problem(
                ("proxy", name),
                "a proxy's URL cannot carry a login here",
                "kubeadm copies it into Pods that everybody can read who may list them: let the proxy know the nodes by"
                " their addresses, or put a forwarder without login beside it",
            )
        elif url and not PROXY.fullmatch(url):
            yield about.problem(
                ("proxy", name), f"`{url}` is not a proxy", "for example http://proxy.example.com:3128"
            )
    for number, entry in enumerate(given.no_proxy):
        if not DIRECT.fullmatch(entry):
            yield about.problem(
                ("proxy", "noProxy", number),
                f"`{entry}` is no host, domain or network",
                "for example .example.com or 10.0.0.0/8",
            )
    if given.no_proxy and not (given.http or given.https):
        yield about.problem(("proxy", "noProxy"), "there is no proxy to go around", "give http or https, too")


def _registries(sources: Sources) -> Iterator[Problem]:
    about, containerd = sources.documents["Inventory"], sources.inventory.containerd
    for host, registry in containerd.registries.items():
        here: Path = ("containerd", "registries", host)
        if host != "_default" and not HOST.fullmatch(host):
            yield about.problem(
                here, f"`{host}` is not the host of a registry", "for example registry.k8s.io, or _default for all"
            )
        for number, mirror in enumerate(registry.mirrors):
            yield from _mirror(about, (*here, "mirrors", number), mirror.url, mirror.ca, mirror.skip_verify)
        if len({mirror.url for mirror in registry.mirrors}) < len(registry.mirrors):
            yield about.problem((*here, "mirrors"), "a mirror stands twice")
        if not registry.fallback and not any("resolve" in mirror.capabilities for mirror in registry.mirrors):
            yield about.problem(
                (*here, "fallback"), "nobody is left who turns a tag into an image", "give a mirror `resolve`"
            )
    old = containerd.cri.get("registry")
    if isinstance(old, dict) and old.get("mirrors"):
        yield about.problem(
            ("containerd", "cri", "registry", "mirrors"),
            "containerd does not start with mirrors here and in certs.d",
            "write them under containerd.registries",
        )


def _mirror(about: SourceDocument, here: Path, url: str, ca: str, skip_verify: bool) -> Iterator[Problem]:
    if "@" in url:
        yield about.problem(
            (*here, "url"), "a mirror's URL cannot carry a login here", "let the mirror serve without one"
        )
    elif not MIRROR.fullmatch(url):
        yield about.problem((*here, "url"), f"`{url}` is not a mirror", "for example https://mirror.example.com")
    elif (ca or skip_verify) and url.startswith("http://"):
        yield about.problem((*here, "url"), "without TLS there is nothing to verify", "write https://")
    if ca and skip_verify:
        yield about.problem((*here, "skipVerify"), "with a CA it can be verified", "remove skipVerify")


def registries(sources: Sources) -> tuple[Registry, ...]:
    """Registries with their mirrors, CAs read."""
    return tuple(
        Registry(
            host,
            tuple(
                RegistryMirror(
                    mirror.url.rstrip("/"),
                    sources.certificates.get(mirror.ca, ""),
                    tuple(mirror.capabilities),
                    mirror.override_path,
                    mirror.skip_verify,
                )
                for mirror in registry.mirrors
            ),
            registry.fallback,
        )
        for host, registry in sources.inventory.containerd.registries.items()
    )


def proxy(sources: Sources, networking: Networking, endpoint: str, pods: str, members: tuple[Node, ...]) -> Proxy:
    """The proxies, and all that the cluster itself must reach without them."""
    given, inventory = sources.inventory.proxy, sources.inventory
    if not (given.http or given.https):
        return Proxy()
    domain = f"{sources.cluster.cluster_name}.{inventory.base_domain}"
    addresses = [node.address for node in members]
    front = inventory.load_balancer
    addresses += [one for one in (front.address, front.virtual_address) if one]
    wanted = [
        *("localhost", "127.0.0.1", "::1"),
        *networking.pod_subnets,
        *(pods.split(",") if pods else []),
        *networking.service_subnets,
        *(".svc", f".{networking.dns_domain}"),
        *(endpoint, f".{domain}"),
        # A network that the user names stands for its nodes: one more node then changes no static pod.
        *(one for one in addresses if not _covered(one, given.no_proxy)),
        *given.no_proxy,
    ]
    return Proxy(given.http.rstrip("/"), given.https.rstrip("/"), tuple(dict.fromkeys(wanted)))


def _covered(text: str, networks: list[str]) -> bool:
    """An address lies in one of the networks."""
    here = address(text)
    for one in networks:
        try:
            network = ipaddress.ip_network(one)
        except ValueError:
            continue
        if here is not None and "/" in one and here in network:
            return True
    return False
