"""Build programs from published Go modules, as their releases are built, and pause from its C source."""

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.command import run
from hardway.lab.paths import Say, cache_dir, half
from hardway.lab.sources import PAUSE_SOURCE_SHA256, PAUSE_VERSION, GoComponent, KubernetesBuild

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
        growing = half(target)
        run(
            [
                # The machine has other work: a build may take all that is left, not more.
                *("nice", "go", "build", "-mod=mod", "-trimpath"),
                *(("-tags", ",".join(component.tags)) if component.tags else ()),
                *("-ldflags", " ".join(["-s -w", *static, *stamps])),
                *("-o", growing, component.packages[name]),
            ],
            where=f"lab build of {name}",
            cwd=scratch,
            env=env,
            hint=INSTALL_HINT,
        )
        growing.rename(target)
        say(f"built {name} in {time.monotonic() - started:.0f} s")


def compile_pause(source: Path, target: Path) -> None:
    """The sandbox container's program; flags of its own Makefile. `pause -v` must work: kubeadm's upgrade health job runs it."""
    if hashlib.sha256(source.read_bytes()).hexdigest() != PAUSE_SOURCE_SHA256:
        raise LabError(
            "pause.c is not the file that was expected", str(source), hint="its hash is pinned in lab/sources.py"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = half(target)
    flags = ("-Os", "-Wall", "-Werror", "-static", f"-DVERSION=v{PAUSE_VERSION}")
    run(["gcc", *flags, "-s", "-o", growing, source], where="lab build of pause", hint=INSTALL_HINT)
    growing.rename(target)


def pause_source(version: str) -> Path:
    """pause.c of a Kubernetes version, in its module."""
    return Path(_module("k8s.io/kubernetes", version)["Dir"]) / "build/pause/linux/pause.c"


def published_build(version: str) -> KubernetesBuild:
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
