"""Mirrors of registries: containerd's certs.d (part of chapter 9).

Source: containerd v1.7.19 `remotes/docker/config/hosts.go`. containerd reads these files with every pull; no restart.
"""

from collections.abc import Iterator

from hardway.chapters import toml
from hardway.model import Cluster, Document, Registry, RegistryMirror, Value, freeze_document
from hardway.steps import Directory, File, Step

CERTS = "/etc/containerd/certs.d"
UPSTREAM = {"docker.io": "https://registry-1.docker.io"}
"""Registries that are not served under their own name."""


def hosts(registry: Registry) -> Document:
    """hosts.toml: the mirrors in order, then `server`."""
    tables: dict[str, Value] = {
        mirror.url: freeze_document(_host(registry, mirror, number)) for number, mirror in enumerate(registry.mirrors)
    }
    last: dict[str, object] = {}
    if not registry.fallback:
        # What stands at the top is asked last; without it that is the registry itself.
        number = next(n for n, mirror in enumerate(registry.mirrors) if "resolve" in mirror.capabilities)
        mirror = registry.mirrors[number]
        last = {"server": mirror.url, **_host(registry, mirror, number)}
    elif registry.host != "_default":
        last = {"server": UPSTREAM.get(registry.host, f"https://{registry.host}")}
    return freeze_document({**last, "host": tables})


def _host(registry: Registry, mirror: RegistryMirror, number: int) -> dict[str, object]:
    settings: dict[str, object] = {"capabilities": mirror.capabilities}
    if mirror.ca:
        settings["ca"] = _ca(registry, number)
    if mirror.override_path:
        settings["override_path"] = True
    if mirror.skip_verify:
        settings["skip_verify"] = True
    return settings


def folder(registry: Registry) -> str:
    """Where containerd looks for a registry's settings; a colon in a name would trouble other systems."""
    name, colon, port = registry.host.rpartition(":")
    return f"{CERTS}/{name}_{port}_" if colon else f"{CERTS}/{registry.host}"


def _ca(registry: Registry, number: int) -> str:
    return f"{folder(registry)}/mirror-{number + 1}.crt"


def steps(cluster: Cluster) -> Iterator[Step]:
    """A directory per registry with hosts.toml and the CAs of its mirrors."""
    for registry in cluster.registries:
        step = f"configure-components/containerd/registries/{registry.host}"
        yield Directory(f"{step}/directory", folder(registry))
        for number, mirror in enumerate(registry.mirrors):
            if mirror.ca:
                yield File(f"{step}/ca-{number + 1}", _ca(registry, number), mirror.ca, why=f"verifies {mirror.url}")
        yield File(
            step,
            f"{folder(registry)}/hosts.toml",
            toml.dump(hosts(registry)),
            why="images come from the mirrors"
            + (", else from the registry itself" if registry.fallback else " only"),
        )
