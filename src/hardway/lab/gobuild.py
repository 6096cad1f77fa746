"""Get the binaries of a lab: from the release sites where they can be reached, else built from Go modules.

Everything lands in the cache below binaries/ORIGIN/COMPONENT-VERSION/NAME, each file complete or absent.
"""

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hardway import versions
from hardway.errors import LabError
from hardway.lab.command import run
from hardway.lab.paths import Say, cache_dir, locked
from hardway.lab.sources import (
    KUBERNETES_BUILDS,
    NAMES,
    PAUSE_SOURCE_SHA256,
    PAUSE_VERSION,
    Binaries,
    GoComponent,
    KubernetesBuild,
    ReleaseFile,
    binaries_in,
    expected_digest,
    go_components,
    kubernetes_component,
    release_files,
)
from hardway.versions import Release

APT_BUILD_PACKAGES = (
    "gcc",
    "libc6-dev",
    "libseccomp-dev",
    "pkg-config",
    "mmdebstrap",
    "apt-utils",
    "gpg",
    "gpg-agent",
)
"""Debian packages that the supply side needs on the host, besides Go: C for runc and pause, the rest for tree and packages."""

INSTALL_HINT = f"apt-get install {' '.join(APT_BUILD_PACKAGES)}, and Go 1.21 or newer"
PROBE_SECONDS = 2.0

Fetch = Callable[[str, Path], None]
"""Writes what a URL holds into a file; LabError when it cannot."""


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
                _install(file, paths, get)
        if not paths["pause"].exists():
            say("compiling pause")
            url = f"https://raw.githubusercontent.com/kubernetes/kubernetes/{release.kubernetes}/build/pause/linux/pause.c"
            with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
                source = Path(folder) / "pause.c"
                get(url, source)
                _compile_pause(source, paths["pause"])
    return _binaries("release", release)


def from_go(release: Release, say: Say) -> Binaries:
    """Binaries built by the `go` command from published modules, one `go build` at a time: about ten minutes when cold."""
    paths = _paths("go", release)
    with locked("binaries"):
        _build_missing(release, paths, say)
        if not paths["pause"].exists():
            say("compiling pause")
            _compile_pause(
                Path(_module("k8s.io/kubernetes", release.kubernetes)["Dir"]) / "build/pause/linux/pause.c",
                paths["pause"],
            )
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


def _build_missing(release: Release, paths: Mapping[str, Path], say: Say) -> None:
    """Build those of the paths that are not there; the cache's lock is held."""
    build_of = KUBERNETES_BUILDS.get(release.kubernetes) or _published_build(release.kubernetes)
    for component in go_components(release, build_of):
        missing = {name: paths[name] for name in component.packages if name in paths and not paths[name].exists()}
        if missing:
            build(component, missing, say)


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
                kubernetes_component(version, KUBERNETES_BUILDS.get(version) or _published_build(version)),
                missing,
                say,
            )
    return targets


def build(component: GoComponent, targets: Mapping[str, Path], say: Say) -> None:
    """Build the named binaries of the component into place; LabError with the compiler's words when one fails."""
    scratch = cache_dir() / "build" / component.component
    scratch.mkdir(parents=True, exist_ok=True)
    wanted = _go_mod(component)
    go_mod = scratch / "go.mod"
    # `-mod=mod` adds indirect requirements to go.mod; written anew only when ours changed, so that a warm build stays warm.
    seed = scratch / "seed.mod"
    if not go_mod.exists() or not seed.exists() or seed.read_text() != wanted:
        go_mod.write_text(wanted)
        seed.write_text(wanted)
    stamps = [f"-X {name}={value}" for name, value in component.stamps.items()]
    static = ["-linkmode external", "-extldflags -static"] if component.cgo else []
    env = {
        **os.environ,
        "GOTOOLCHAIN": component.toolchain,
        "CGO_ENABLED": "1" if component.cgo else "0",
        "GOFLAGS": "-buildvcs=false",
        "GOWORK": "off",
    }
    for number, (name, target) in enumerate(targets.items(), start=1):
        say(f"building {name} ({component.component}, {number} of {len(targets)})")
        started = time.monotonic()
        target.parent.mkdir(parents=True, exist_ok=True)
        half = _half(target)
        run(
            [
                # The machine has other work: a build may take all that is left, not more.
                *("nice", "go", "build", "-mod=mod", "-trimpath"),
                *(("-tags", ",".join(component.tags)) if component.tags else ()),
                *("-ldflags", " ".join(["-s -w", *static, *stamps])),
                *("-o", half, component.packages[name]),
            ],
            where=f"lab build of {name}",
            cwd=scratch,
            env=env,
            hint=INSTALL_HINT,
        )
        half.rename(target)
        say(f"built {name} in {time.monotonic() - started:.0f} s")


def download(url: str, target: Path) -> None:
    """Fetch the URL into the file; LabError when the site does not give it."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (urllib.error.URLError, OSError) as error:
        raise LabError(
            f"cannot download: {error}", url, command=f"curl -fsSL {url}", hint="use `--binaries go` to build instead"
        ) from error


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


def _install(file: ReleaseFile, paths: Mapping[str, Path], fetch: Fetch) -> None:
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        fetched = Path(folder) / file.file_name
        checksum = Path(folder) / "checksum"
        fetch(file.checksum_url, checksum)
        fetch(file.url, fetched)
        expected, found = expected_digest(file, checksum.read_text()), _sha256(fetched)
        if found != expected:
            raise LabError(
                f"SHA-256 is {found}, expected {expected}", file.url, hint="the download is damaged or forged"
            )
        if not file.is_archive:
            for name in file.members:
                _place(fetched, paths[name])
            return
        with tarfile.open(fetched) as archive:
            for name, member in file.members.items():
                content = archive.extractfile(member)
                if content is None:
                    raise LabError(f"`{member}` is no file in the archive", file.url)
                unpacked = Path(folder) / name
                with unpacked.open("wb") as output:
                    shutil.copyfileobj(content, output)
                _place(unpacked, paths[name])


def _place(source: Path, target: Path) -> None:
    """Copy beside the target first (another file system may lie between), then rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = _half(target)
    shutil.copyfile(source, half)
    half.chmod(0o755)
    half.rename(target)


def _compile_pause(source: Path, target: Path) -> None:
    """The sandbox container's program; flags of its own Makefile. `pause -v` must work: kubeadm's upgrade health job runs it."""
    if _sha256(source) != PAUSE_SOURCE_SHA256:
        raise LabError(
            "pause.c is not the file that was expected", str(source), hint="its hash is pinned in lab/sources.py"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    half = _half(target)
    flags = ("-Os", "-Wall", "-Werror", "-static", f"-DVERSION=v{PAUSE_VERSION}")
    run(["gcc", *flags, "-s", "-o", half, source], where="lab build of pause", hint=INSTALL_HINT)
    half.rename(target)


def _half(target: Path) -> Path:
    """Where the file grows. Of this process alone: a compiler orphaned by a kill may still be writing the last one's."""
    return target.with_name(f".{target.name}.{os.getpid()}.new")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _published_build(version: str) -> KubernetesBuild:
    """Stamps of a version that is not in our table. The commit is not part of what a module says about itself."""
    module = _module("k8s.io/kubernetes", version)
    toolchain = f"go{(Path(module['Dir']) / '.go-version').read_text().strip()}"
    return KubernetesBuild("unknown", json.loads(Path(module["Info"]).read_text())["Time"], toolchain)


def _module(module: str, version: str) -> dict[str, str]:
    """What the go command knows of the module: `Dir` with its files, `Info`; fetches it if need be."""
    answer = run(
        ["go", "mod", "download", "-json", f"{module}@{version}"],
        where=f"Go module {module}@{version}",
        hint=INSTALL_HINT,
        cwd=Path(tempfile.gettempdir()),
    )
    facts: dict[str, str] = json.loads(answer)
    return facts


def _go_mod(component: GoComponent) -> str:
    """A module that only requires the component; Kubernetes' staging directories become the modules published from them."""
    lines = ["module hardway.local/build", "", f"go {re.sub(r'^go', '', component.toolchain)}", ""]
    lines += [f"require {module} {version}" for module, version in component.requires]
    if component.staging:
        module, version = component.requires[0]
        text = (Path(_module(module, version)["Dir"]) / "go.mod").read_text()
        published = f"v0.{version.split('.', 1)[1]}"
        lines += [f"replace {name} => {name} {published}" for name in staging_modules(text)]
    return "\n".join(lines) + "\n"


def staging_modules(go_mod: str) -> tuple[str, ...]:
    """Names of the modules that a go.mod replaces by directories below ./staging."""
    return tuple(re.findall(r"^\s*(?:replace\s+)?(\S+) => \./staging/", go_mod, flags=re.MULTILINE))
