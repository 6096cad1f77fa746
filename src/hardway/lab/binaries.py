"""Get the binaries of a lab: from the release sites where they can be reached, else built from Go modules.

Everything lands in the cache below binaries/ORIGIN/COMPONENT-VERSION/NAME, each file complete or absent.
"""

import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardway import versions
from hardway.errors import LabError
from hardway.lab.fetch import Fetch, download, install
from hardway.lab.gobuild import build, compile_pause, pause_source, published_build
from hardway.lab.paths import Say, cache_dir, locked
from hardway.lab.sources import (
    KUBERNETES_BUILDS,
    NAMES,
    PAUSE_VERSION,
    Binaries,
    binaries_in,
    go_components,
    kubernetes_component,
    release_files,
)
from hardway.versions import Release

PROBE_SECONDS = 2.0


def ensure_binaries(source: str, say: Say, kubernetes: str = versions.DEFAULT) -> Binaries:
    """All binaries of the lab, from the cache if they are there.

    `source` is `release` (the release sites, checksums verified), `go` (built from Go modules), `auto` (what is cached,
    else the release sites if they answer within two seconds, else Go modules), or a directory that holds every binary.
    UsageError for a version that is not supported; LabError when the binaries cannot be had.
    """
    release = versions.release(kubernetes)
    match source:
        case "release":
            return from_release(release, say)
        case "go":
            return from_go(release, say)
        case "auto":
            for origin in ("release", "go"):
                if all(path.exists() for path in _paths(origin, release).values()):
                    return _binaries(origin, release)
            return from_release(release, say) if _reachable(release) else from_go(release, say)
        case folder:
            if not Path(folder).is_dir():
                raise LabError(
                    f"no such directory: `{folder}`", "lab binaries", hint="use auto, release, go or a directory"
                )
            return binaries_in(Path(folder), release)


def from_release(release: Release, say: Say, fetch: Fetch | None = None) -> Binaries:
    """Binaries of the release sites; every file's SHA-256 is compared before it is unpacked.

    pause has no release file: it is compiled from its source, whose hash is pinned here.
    """
    get = fetch or download
    paths = _paths("release", release)
    with locked("binaries"):
        for file in release_files(release):
            if not all(paths[name].exists() for name in file.members):
                say(f"downloading {file.file_name}")
                install(file, paths, get)
        if not paths["pause"].exists():
            say("compiling pause")
            url = f"https://raw.githubusercontent.com/kubernetes/kubernetes/{release.kubernetes}/build/pause/linux/pause.c"
            with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
                source = Path(folder) / "pause.c"
                get(url, source)
                compile_pause(source, paths["pause"])
    return _binaries("release", release)


def from_go(release: Release, say: Say) -> Binaries:
    """Binaries built by the `go` command from published modules, one `go build` at a time: about ten minutes when cold."""
    paths = _paths("go", release)
    with locked("binaries"):
        _build_missing(release, paths, say)
        if not paths["pause"].exists():
            say("compiling pause")
            compile_pause(pause_source(release.kubernetes), paths["pause"])
    return _binaries("go", release)


def ensure_programs(version: str, names: Sequence[str], say: Say) -> Mapping[str, Path]:
    """Some programs of a supported version: what is cached of the release sites' or built here, else built from Go modules.

    UsageError for a version that is not supported; LabError when a program cannot be built.
    """
    release = versions.release(version)
    for origin in ("release", "go"):
        paths = _paths(origin, release)
        if all(paths[name].exists() for name in names):
            return {name: paths[name] for name in names}
    found = {name: _paths("go", release)[name] for name in names}
    with locked("binaries"):
        _build_missing(release, found, say)
    return found


def ensure_kubernetes(version: str, names: Sequence[str], say: Say) -> Mapping[str, Path]:
    """Some binaries of any published Kubernetes version, built from its module: the oracle of the parity tests.

    The Go line is the one that the version itself asks for (its file .go-version), the date that of its tag.
    LabError when the version is not published whole, which happens for some patch versions.
    """
    targets = {name: cache_dir() / "binaries" / "go" / f"kubernetes-{version}" / name for name in names}
    if all(path.exists() for path in targets.values()):
        # Each is complete or absent: nobody has to wait for the build of another version.
        return targets
    with locked("binaries"):
        missing = {name: path for name, path in targets.items() if not path.exists()}
        if missing:
            build(
                kubernetes_component(version, KUBERNETES_BUILDS.get(version) or published_build(version)),
                missing,
                say,
            )
    return targets


def _build_missing(release: Release, paths: Mapping[str, Path], say: Say) -> None:
    """Build those of the paths that are not there; the cache's lock is held."""
    build_of = KUBERNETES_BUILDS.get(release.kubernetes) or published_build(release.kubernetes)
    for component in go_components(release, build_of):
        missing = {name: paths[name] for name in component.packages if name in paths and not paths[name].exists()}
        if missing:
            build(component, missing, say)


def _paths(origin: str, release: Release) -> dict[str, Path]:
    """Where each binary of this origin is, or will be."""
    root = cache_dir() / "binaries" / origin
    paths = {name: root / file.component / name for file in release_files(release) for name in file.members}
    return {**paths, "pause": root / f"pause-{PAUSE_VERSION}" / "pause"}


def _binaries(origin: str, release: Release) -> Binaries:
    words = {"release": "release files, checksums verified", "go": "built from Go modules"}
    paths = _paths(origin, release)
    return Binaries(words[origin], release, {name: paths[name] for name in NAMES})


def _reachable(release: Release) -> bool:
    """True when the release site answers soon. Silence is an answer here, not an error."""
    probe = release_files(release)[0].checksum_url
    try:
        with urllib.request.urlopen(probe, timeout=PROBE_SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False
