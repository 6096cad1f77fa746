"""The real kubeadm as oracle: what it would write and create for the same documents."""

import re
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from built import real_kubeadm
from hardway.config.load import loads
from hardway.engine.facts import with_facts
from hardway.model import CA_DIRECTORIES, Cluster, Facts

APART = """\
set -euo pipefail
mkdir -p /etc/kubernetes
mount -t tmpfs none /etc/kubernetes
# Where the host has another name kubeadm sets --hostname-override.
hostname "$1"
export PATH="$2/bin:$PATH"
"$3" init --dry-run --config "$2/kubeadm.yaml" --skip-phases preflight >"$2/out"
cp /etc/kubernetes/tmp/*/*.yaml /etc/kubernetes/tmp/*/*.env "$2"
"""
"""Runs with a host name and an /etc/kubernetes of its own."""

INVENTORY = """
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {{name: master-1, address: "{address}1", roles: [control-plane]}}
  - {{name: master-2, address: "{address}2", roles: [control-plane]}}
  - {{name: worker-1, address: "{address}3", roles: [worker]}}
"""


@dataclass(frozen=True)
class Setup:
    """kubeadm's documents, and what else its output depends on."""

    documents: str
    """With the marks NAME and ADDRESS for the first master's."""
    network: str = "10.30.0."
    """What all addresses begin with."""
    resolved: bool = False
    """systemd-resolved is active."""

    def cluster(self) -> Cluster:
        """Our model."""
        # Our model knows the name from the Inventory.
        model = loads(self._text("", self.network + "1") + INVENTORY.format(address=self.network))
        present = tuple(path for path in CA_DIRECTORIES if Path(path).exists())
        return with_facts(
            model,
            {n.name: Facts(hostname=n.name, resolved=self.resolved, ca_directories=present) for n in model.nodes},
        )

    def kubeadm_yaml(self) -> str:
        """The same for kubeadm."""
        return self._text(self.cluster().first_control_plane.name, self.network + "1")

    def _text(self, name: str, address: str) -> str:
        return self.documents.replace("NAME", name).replace("ADDRESS", address)


@dataclass(frozen=True)
class DryRun:
    """What kubeadm init would leave behind."""

    files: Mapping[str, str]
    """Manifests and the kubelet's files by their name."""
    objects: Mapping[tuple[str, str], dict[str, Any]]
    """By kind and name."""
    patches: tuple[dict[str, Any], ...]
    """Of the Node."""


def dry_run(setup: Setup, root: Path) -> DryRun:
    """kubeadm init, without touching anything."""
    (root / "kubeadm.yaml").write_text(setup.kubeadm_yaml())
    systemctl = root / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f"#!/bin/sh\necho {'active' if setup.resolved else 'inactive'}\n")
    systemctl.chmod(0o755)
    name = setup.cluster().first_control_plane.name
    done = subprocess.run(
        ["unshare", "--mount", "--uts", "bash", "-c", APART, "bash", name, str(root), str(real_kubeadm())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    out = (root / "out").read_text()
    objects = [yaml.safe_load(text) for text in _blocks(out, "object")]
    return DryRun(
        {path.name: path.read_text() for path in root.iterdir() if path.suffix in (".yaml", ".env")},
        {(o["kind"], o["metadata"]["name"]): normal(o) for o in objects},
        tuple(yaml.safe_load(text) for text in _blocks(out, "patch")),
    )


def normal(value: dict[str, Any]) -> dict[str, Any]:
    """An object without what the server fills in, and without the zero values of Go's structs."""
    plain = {key: item for key, item in value.items() if key != "status"}
    plain["metadata"] = {
        k: v for k, v in plain["metadata"].items() if k not in ("creationTimestamp", "resourceVersion")
    }
    for subject in plain.get("subjects", ()):
        if subject["kind"] != "ServiceAccount":
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")
    if "template" in plain.get("spec", {}):
        plain["spec"]["template"]["metadata"].pop("creationTimestamp", None)
    return plain


def _blocks(out: str, kind: str) -> list[str]:
    found = re.findall(rf"^\[dryrun\] Attached {kind}:\n((?:\t.*\n)+)", out, re.MULTILINE)
    return [textwrap.dedent(text) for text in found]
