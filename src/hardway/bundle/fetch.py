"""HTTPS for bundles: files and images, every byte compared with its SHA-256 before it counts.

Proxies and trusted CAs are this machine's (HTTPS_PROXY, SSL_CERT_FILE); a registry's mirrors are the cluster's.
Source: OCI distribution specification; token authentication as registries hand it out to everybody.
"""

import hashlib
import json
import re
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from hardway.bundle.oci import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Reference, digest, write_archive
from hardway.chapters.registries import UPSTREAM
from hardway.errors import HardwayError
from hardway.model import Registry, RegistryMirror

TIMEOUT = 60.0
"""Seconds in which something has to arrive."""
PIECE = 1 << 20
MOST_MANIFEST = 4 << 20
LISTS = (INDEX, DOCKER_LIST)
ACCEPT = ", ".join((INDEX, MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))


def file(url: str, target: Path, sha256: str) -> None:
    """Fetch a file whose SHA-256 is known; one that is there already and fits is kept. HardwayError when it does not fit."""
    if target.is_file() and sum_of(target) == sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with _open(urllib.request.Request(url), None) as answer:
        _store(answer, target, sha256, url)


def small(url: str) -> bytes:
    """A small file, such as a checksum file."""
    with _open(urllib.request.Request(url), None) as answer:
        return answer.read(MOST_MANIFEST)


def sum_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def listed_sum(text: str, name: str) -> str:
    """The SHA-256 of a file in a checksum file: a bare one, or lines with names. Empty: it is not listed."""
    for line in text.splitlines():
        words = line.split()
        if words and re.fullmatch("[0-9a-f]{64}", words[0]) and (len(words) == 1 or words[1].lstrip("*") == name):
            return words[0]
    return ""


def image(name: Reference, arch: str, registries: Mapping[str, Registry], target: Path) -> None:
    """Fetch an image for linux/`arch` and write it as an OCI archive; mirrors first, as containerd asks them."""
    failures: list[HardwayError] = []
    for place in _places(name, registries, "resolve"):
        try:
            manifest, media_type = place.manifest(name, arch)
            break
        except HardwayError as failure:
            failures.append(failure)
    else:
        raise _nobody(str(name), failures)
    value = json.loads(manifest)
    work = target.with_name(f".{target.name}.blobs")
    work.mkdir(parents=True, exist_ok=True)
    try:
        blobs = {}
        for part in (value["config"], *value["layers"]):
            blobs[part["digest"]] = work / part["digest"].removeprefix("sha256:")
            _blob(name, part["digest"], registries, blobs[part["digest"]])
        write_archive(target, name, manifest, media_type, blobs)
    finally:
        shutil.rmtree(work)


def _blob(name: Reference, wanted: str, registries: Mapping[str, Registry], target: Path) -> None:
    failures: list[HardwayError] = []
    for place in _places(name, registries, "pull"):
        try:
            with place.get(f"{name.name}/blobs/{wanted}", "*/*") as answer:
                return _store(answer, target, wanted.removeprefix("sha256:"), answer.url)
        except HardwayError as failure:
            failures.append(failure)
    raise _nobody(str(name), failures)


def _nobody(name: str, failures: list[HardwayError]) -> HardwayError:
    return HardwayError(
        "no registry gives it",
        name,
        output="\n".join(f"{failure.where}: {failure.what}" for failure in failures),
        hint="containerd.registries of the Inventory names mirrors; SSL_CERT_FILE names CAs that are trusted here",
    )


@dataclass
class Place:
    """One registry or mirror; remembers the token that it has given."""

    root: str
    """URL of the API."""
    context: ssl.SSLContext | None
    token: str = ""

    def get(self, path: str, accept: str) -> HTTPResponse:
        """The answer to one question; HardwayError when there is none."""
        url = f"{self.root}/{path}"
        try:
            return _open(self._request(url, accept), self.context)
        except _Unauthorized as challenge:
            self.token = _token(challenge.header, self.context, url)
            return _open(self._request(url, accept), self.context)

    def _request(self, url: str, accept: str) -> urllib.request.Request:
        request = urllib.request.Request(url, headers={"Accept": accept})
        if self.token:
            # Registries send to other hosts for blobs, which must not see it.
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        return request

    def manifest(self, name: Reference, arch: str) -> tuple[bytes, str]:
        """The manifest for an architecture, and its media type."""
        content, media_type = self._manifest(name.name, name.version)
        if media_type not in LISTS:
            return content, media_type
        for one in json.loads(content)["manifests"]:
            platform = one.get("platform") or {}
            if (platform.get("os"), platform.get("architecture")) == ("linux", arch):
                return self._manifest(name.name, str(one["digest"]))
        raise HardwayError(f"there is none for linux/{arch}", f"{self.root}/{name.name}")

    def _manifest(self, name: str, version: str) -> tuple[bytes, str]:
        where = f"{self.root}/{name}"
        with self.get(f"{name}/manifests/{version}", ACCEPT) as answer:
            content = answer.read(MOST_MANIFEST)
            media_type = answer.headers.get_content_type()
        if version.startswith("sha256:") and digest(content) != version:
            raise HardwayError(f"its manifest is not {version}", where, hint="it is damaged or forged")
        try:
            value: Mapping[str, Any] = json.loads(content)
            media_type = str(value.get("mediaType") or media_type)
        except (ValueError, AttributeError):
            raise HardwayError("the answer is no manifest", where) from None
        if media_type not in (*LISTS, MANIFEST, DOCKER_MANIFEST):
            raise HardwayError(f"a manifest of type {media_type} cannot be read", where)
        return content, media_type


def _places(name: Reference, registries: Mapping[str, Registry], capability: str) -> Iterator[Place]:
    registry = registries.get(name.host) or registries.get("_default")
    for mirror in registry.mirrors if registry else ():
        if capability in mirror.capabilities:
            yield Place(_root(mirror), _context(mirror))
    if registry is None or registry.fallback:
        yield Place(f"{UPSTREAM.get(name.host, f'https://{name.host}')}/v2", None)


def _root(mirror: RegistryMirror) -> str:
    return mirror.url if mirror.override_path or mirror.url.endswith("/v2") else f"{mirror.url}/v2"


def _context(mirror: RegistryMirror) -> ssl.SSLContext | None:
    if not (mirror.ca or mirror.skip_verify):
        return None
    context = ssl.create_default_context()
    if mirror.ca:
        context.load_verify_locations(cadata=mirror.ca)
    if mirror.skip_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class _Unauthorized(HardwayError):
    """A registry asks for a token; `header` says where it is handed out."""

    header: str = ""


def _open(request: urllib.request.Request, context: ssl.SSLContext | None) -> HTTPResponse:
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT, context=context)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 401 and (header := error.headers.get("WWW-Authenticate", "")):
                challenge = _Unauthorized("it wants a login", request.full_url)
                challenge.header = header
                raise challenge from None
            raise HardwayError(
                f"HTTP {error.code} {error.reason}", request.full_url, f"curl -fL {request.full_url}"
            ) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise HardwayError(
            f"no answer: {reason}",
            request.full_url,
            f"curl -fL {request.full_url}",
            hint="can this machine reach it? HTTPS_PROXY and SSL_CERT_FILE are read; downloads.mirror names another source",
        ) from None
    assert isinstance(answer, HTTPResponse)
    return answer


def _token(challenge: str, context: ssl.SSLContext | None, url: str) -> str:
    """A token as registries give it to anybody who asks for a public image."""
    words = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = words.pop("realm", "")
    if not challenge.startswith("Bearer ") or urlsplit(realm).scheme not in ("https", urlsplit(url).scheme):
        raise HardwayError("it wants a login, and none is known here", url)
    request = urllib.request.Request(f"{realm}?{urlencode({k: v for k, v in words.items() if k != 'error'})}")
    with _open(request, context) as answer:
        try:
            value = json.loads(answer.read(MOST_MANIFEST))
            return str(value.get("token") or value["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise HardwayError("it hands out no token", realm) from None


def _store(answer: HTTPResponse, target: Path, sha256: str, url: str) -> None:
    """Write what arrives beside the target, and move it into place when its sum fits."""
    half, found = target.with_name(f".{target.name}.new"), hashlib.sha256()
    try:
        with half.open("wb") as output:
            while piece := answer.read(PIECE):
                found.update(piece)
                output.write(piece)
    except (OSError, HTTPException) as error:
        raise HardwayError(f"it broke off: {error}", url, hint="run the same command again") from None
    if found.hexdigest() != sha256:
        half.unlink()
        raise HardwayError(f"its SHA-256 is {found.hexdigest()}, not {sha256}", url, hint="it is damaged or forged")
    half.rename(target)
