"""Where machines get things from: download sources, registries and their mirrors, HTTP proxies."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DownloadSource:
    """Where chapter 8 fetches one component from (the article's download.env)."""

    version: str
    repository: str
    """URL below which the release site's own layout begins."""
    sha256: str = ""
    """Pinned checksum of the downloaded file; empty: the source's own checksum file is used."""


@dataclass(frozen=True)
class RegistryMirror:
    """One `[host]` of containerd's hosts.toml."""

    url: str
    ca: str = ""
    """Certificates in PEM that it is verified with, beside those of the system."""
    capabilities: tuple[str, ...] = ("pull", "resolve")
    override_path: bool = False
    """The URL's path is the root of the API; otherwise /v2 is put behind it."""
    skip_verify: bool = False


@dataclass(frozen=True)
class Registry:
    """How images of one registry are fetched."""

    host: str
    """As in the image's name, e.g. `registry.k8s.io`; `_default`: all that are not named."""
    mirrors: tuple[RegistryMirror, ...]
    fallback: bool = True
    """The registry itself is asked when no mirror answers."""


@dataclass(frozen=True)
class Proxy:
    """HTTP proxies of the machines; both empty: there is none."""

    http: str = ""
    https: str = ""
    direct: tuple[str, ...] = ()
    """NO_PROXY: what is reached without them."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that kubeadm would find and copy into static pods and kube-proxy, in their order."""
        if not (self.http or self.https):
            return {}
        values = {"HTTPS_PROXY": self.https, "HTTP_PROXY": self.http, "NO_PROXY": ",".join(self.direct)}
        return {name: value for name, value in values.items() if value}
