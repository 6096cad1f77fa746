"""Keys of the lab: the operator's key, a host key per node, and a known_hosts that is checked strictly."""

from pathlib import Path

from hardway.lab.command import run
from hardway.lab.spec import LabSpec

USER = "hardway"


def make(spec: LabSpec, folder: Path) -> None:
    """Make the keys and ssh_config of a lab; what is there is kept."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _key(folder / "id_ed25519", "hardway lab")
    known = []
    for node in spec.nodes:
        host_key = folder / f"host-{node.host_name}"
        _key(host_key, node.name)
        public = " ".join(host_key.with_suffix(".pub").read_text().split()[:2])
        known.append(f"{node.address},{node.name} {public}\n")
    (folder / "known_hosts").write_text("".join(known))
    hosts = "".join(
        f"Host {node.host_name} {node.name} {node.address}\n  HostName {node.address}\n" for node in spec.nodes
    )
    (folder / "config").write_text(
        f"{hosts}Host *\n  User {USER}\n  IdentityFile {folder}/id_ed25519\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {folder}/known_hosts\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n"
    )


def _key(path: Path, comment: str) -> None:
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], where="lab ssh")
