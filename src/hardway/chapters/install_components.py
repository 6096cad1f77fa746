"""Binaries, downloaded and verified (article chapter 8).

For each component an environment file, a download script and a oneshot unit, as in the article. The script installs
nothing whose SHA-256 does not fit, and leaves a node alone that has the version already, or a binary that somebody else
has brought since: what kubeadm's upgrade asks for is there before cluster.yaml knows of it.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.components import BIN, UNITS, Component, components
from hardway.chapters.proxy import env_file
from hardway.model import Cluster, DownloadSource, Node
from hardway.steps import Check, Directory, File, Service, Step
from hardway.steps.shell import for_each, words

CURL = "curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000"
"""A source that does not answer, or answers a trickle, is given up."""


def environment(source: DownloadSource) -> str:
    """download.env."""
    pinned = f'SHA256="{source.sha256}"\n' if source.sha256 else ""
    return f'COMPONENT_VERSION="{source.version}"\nREPOSITORY="{source.repository}"\n{pinned}'


def script(component: Component, source: DownloadSource, arch: str) -> str:
    """download-script.sh: fetch, verify, and only then unpack and install."""

    wanted = f"{component.folder}/download.env"

    def place(text: str) -> str:
        return (
            text.replace("{v}", "${COMPONENT_VERSION}").replace("{n}", "${COMPONENT_VERSION#v}").replace("{a}", arch)
        )

    if component.is_archive:
        unpack = (
            'log "[INFO] extracting files"\nmkdir "$work/files"\n'
            'tar -xzf "$work/$file" -C "$work/files" --no-same-owner\n'
        )
        # What tells the version comes last, so that an installation that was cut short is done again.
        names = [f'"$work/files/"{place(name)}' for name in component.binaries]
        install = for_each("binary", names, f'install -m 755 "$binary" {component.directory}/\n')
    else:
        unpack = ""
        install = f'install -m 755 "$work/$file" {component.main}\n'
    return (
        "#!/usr/bin/env bash\n"
        f"# Installs {component.name} in the version of download.env, unless it is there already.\n"
        "set -euo pipefail\n\n"
        f'COMPONENT_VERSION="${{COMPONENT_VERSION:-{source.version}}}"\n'
        f'REPOSITORY="${{REPOSITORY:-{source.repository}}}"\n'
        f'PATH="{BIN}:$PATH"\n\n'
        f'log() {{ logger -t {component.name}-installer "$1"; echo "$1"; }}\n'
        "trap 'log \"[ERROR] line $LINENO: the installation failed\"' ERR\n\n"
        'log "[INFO] checking the current version"\n'
        f'current="$({{ {component.installed}; }} 2>/dev/null || true)"\n'
        'log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"\n'
        'if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then\n'
        '  log "[INFO] already up to date"\n  exit 0\nfi\n'
        # At the next boot an upgrade by somebody's own means would be undone. By change times (ctime), when each of the
        # two came to its place: wget, tar and cp -p bring binaries whose modification time is that of their release.
        f'if [ -n "$current" ] && [ -e {wanted} ] && [ -n "$(find {component.main} -newercc {wanted} 2>/dev/null)" ]; then\n'
        f'  log "[INFO] brought by somebody else since {wanted} was written: it stays"\n  exit 0\nfi\n\n'
        f'url="{place(component.file)}"\nfile="${{url##*/}}"\n'
        f'if [ -f "{component.brought}/$url" ]; then\n'
        f'  log "[INFO] a bundle has brought it"\n  REPOSITORY="file://{component.brought}"\nfi\n'
        'work="$(mktemp -d)"\ntrap \'rm -rf "$work"\' EXIT\n'
        f'log "[INFO] downloading {component.name} from $REPOSITORY/$url"\n'
        f'{CURL} "$REPOSITORY/$url" -o "$work/$file"\n'
        f'sum="${{SHA256:-{source.sha256}}}"\n'
        'if [ -z "$sum" ]; then\n'
        '  log "[INFO] downloading the checksum file"\n'
        f'  {CURL} "$REPOSITORY/{place(component.checksum)}" -o "$work/checksums"\n'
        # A bare hash, or lines of hash and file name.
        '  sum="$(awk -v file="$file" \'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }\' "$work/checksums")"\n'
        "fi\n"
        'log "[INFO] verifying the checksum"\n'
        'printf \'%s  %s\\n\' "$sum" "$work/$file" | sha256sum --quiet --strict -c -\n'
        + unpack
        + 'log "[INFO] installing"\n'
        + install
        + 'log "[INFO] updated to ${COMPONENT_VERSION#v}"\n'
    )


def unit(component: Component, environment: str = "") -> str:
    """NAME-install.service; unlike the article's it waits for the network that it needs. `environment`: proxies' file."""
    proxies = f"EnvironmentFile=-{environment}\n" if environment else ""
    return (
        "[Unit]\n"
        f"Description=Install and update {component.name}\n"
        "After=network-online.target\n"
        "Wants=network-online.target\n"
        "[Service]\n"
        "Type=oneshot\n"
        f"EnvironmentFile=-{component.folder}/download.env\n"
        f"{proxies}"
        f"ExecStart={component.folder}/download-script.sh\n"
        "RemainAfterExit=yes\n"
        "[Install]\n"
        "WantedBy=multi-user.target\n"
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    wanted = components(cluster, node)
    for component in wanted:
        source = cluster.downloads[component.name]
        folder, step = component.folder, f"install-components/{component.name}"
        yield Directory(f"{step}/directory", folder)
        if component.directory != BIN:
            yield Directory(f"{step}/target", component.directory, why="containerd looks for network plugins there")
        yield File(f"{step}/env", f"{folder}/download.env", environment(source), why="which version, and from where")
        yield File(
            f"{step}/script",
            f"{folder}/download-script.sh",
            script(component, source, node.facts.arch),
            0o755,
            why="verifies the checksum before anything is unpacked",
        )
        yield File(
            f"{step}/unit",
            f"{UNITS}/{component.unit}",
            unit(component, env_file(cluster)),
            why="a machine whose binary is lost gets it again at boot",
        )
    if wanted:
        yield Service(
            "install-components/install",
            tuple(component.unit for component in wanted),
            # A oneshot that remains active does nothing when it is started again: a new version means a restart.
            tuple(
                path
                for component in wanted
                for path in (
                    f"{component.folder}/download.env",
                    f"{component.folder}/download-script.sh",
                    f"{UNITS}/{component.unit}",
                )
            ),
            why="all at once: systemd downloads them side by side",
        )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    if wanted := components(cluster, node):
        units = " ".join(component.unit for component in wanted)
        yield Check(
            "the binaries to be in place",
            f"for file in {words(component.main for component in wanted)}; do\n"
            '  [ -x "$file" ] || { echo "$file is missing"; exit 1; }\ndone\n',
            hint=f"systemctl restart {units}",
        )


INSTALL_COMPONENTS = Chapter("install-components", "Installation of the components", (8,), steps=steps, checks=checks)
