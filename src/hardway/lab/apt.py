"""A small signed apt repository with the packages that the article installs and the node tree does not have."""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.command import run
from hardway.lab.paths import Say, fresh_dir

SUITE = "bookworm"
"""Debian release of the nodes and of the kube-proxy image."""

PACKAGES = (
    "conntrack",
    "socat",
    "jq",
    "tree",
    "haproxy",
    "python3-cryptography",
    "keepalived",
    "ebtables",
    "ethtool",
)
"""What chapters install through apt; the node tree lacks them on purpose."""

KEYRING = "hardway-lab.gpg"
"""File of the repository that nodes take as `signed-by`."""


def debian_sources() -> list[Path]:
    """The host's own Debian sources, so that what is fetched comes from where the host's packages come from.

    LabError when the host has none, as on other distributions.
    """
    folder = Path("/etc/apt/sources.list.d")
    candidates = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.sources")), *sorted(folder.glob("*.list"))]
    found = [file for file in candidates if file.is_file() and _is_debian(file.read_text())]
    if not found:
        raise LabError("no Debian package source", "/etc/apt", hint="the lab needs a Debian host with apt sources")
    return found


def _is_debian(text: str) -> bool:
    return any("/debian" in line for line in text.splitlines() if not line.lstrip().startswith("#"))


def build_repo(tree: Path, target: Path, packages: Sequence[str], say: Say) -> None:
    """Fill `target` with the packages and all that they need beyond what is installed in `tree`; skipped when it is there.

    apt works out the closure against the tree's own dpkg status. The repository is flat and signed:
    `deb [signed-by=/etc/apt/keyrings/hardway-lab.gpg] https://MIRROR/debian ./`. The key is made for this one
    repository and its private half is gone when the function returns.
    """
    stamp = hashlib.sha256("\n".join((str(tree), *packages)).encode()).hexdigest()
    marker = target / ".recipe"
    if marker.exists() and marker.read_text() == stamp:
        return
    say(f"fetching {len(packages)} Debian packages and what they need")
    with fresh_dir(target) as repo, tempfile.TemporaryDirectory(prefix="hardway-") as scratch:
        for deb in download_closure(tree, Path(scratch) / "apt", packages):
            shutil.copy2(deb, repo / deb.name)
        write_index(repo)
        sign(repo, Path(scratch) / "gpg")
        (repo / ".recipe").write_text(stamp)


def download_closure(tree: Path, scratch: Path, packages: Sequence[str]) -> list[Path]:
    """The .deb files that installing the packages into the tree would fetch. Neither the tree nor the host's apt is touched."""
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d"):
        (scratch / folder).mkdir(parents=True)
    for source in debian_sources():
        name = "sources.list" if source.name == "sources.list" else f"sources.list.d/{source.name}"
        shutil.copy2(source, scratch / "etc" / name)
    options = {
        "Dir::State": scratch / "state",
        "Dir::State::status": tree / "var/lib/dpkg/status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": scratch / "etc/sources.list",
        "Dir::Etc::sourceparts": scratch / "etc/sources.list.d",
        "Dir::Etc::preferencesparts": scratch / "etc/preferences.d",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
        # The host's hooks (docker-clean and the like) act on the host's own cache.
        "DPkg::Post-Invoke::": "",
        "APT::Keep-Downloaded-Packages": "true",
    }
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    run(["apt-get", "-qq", *words, "update"], where="lab packages")
    run(["apt-get", "-qq", *words, "--yes", "--download-only", "install", *packages], where="lab packages")
    found = sorted((scratch / "cache/archives").glob("*.deb"))
    if not found:
        raise LabError("apt fetched no package", "lab packages", hint=f"are they all installed in {tree}?")
    return found


def write_index(repo: Path) -> None:
    """Packages, Packages.gz and Release of a flat repository."""
    index = run(["apt-ftparchive", "packages", "."], where="lab packages", cwd=repo)
    (repo / "Packages").write_text(index)
    run(["gzip", "--keep", "--no-name", repo / "Packages"], where="lab packages")
    release = run(
        [
            "apt-ftparchive",
            *("-o", "APT::FTPArchive::Release::Origin=hardway-lab"),
            *("-o", f"APT::FTPArchive::Release::Codename={SUITE}"),
            *("release", "."),
        ],
        where="lab packages",
        cwd=repo,
    )
    (repo / "Release").write_text(release)


def sign(repo: Path, home: Path) -> None:
    """Sign Release with a key made for it, and lay the public key beside it."""
    home.mkdir(mode=0o700)
    gpg: list[str | Path] = [
        "gpg",
        "--homedir",
        home,
        "--batch",
        "--yes",
        "--quiet",
        "--passphrase",
        "",
        "--pinentry-mode",
        "loopback",
    ]
    where = "lab packages"
    try:
        run([*gpg, "--quick-generate-key", "hardway lab", "ed25519", "sign", "never"], where=where)
        run([*gpg, "--clearsign", "--output", repo / "InRelease", repo / "Release"], where=where)
        run([*gpg, "--output", repo / KEYRING, "--export"], where=where)
    finally:
        # gpg started an agent for this directory; it would outlive us.
        run(["gpgconf", "--homedir", home, "--kill", "all"], where=where)
