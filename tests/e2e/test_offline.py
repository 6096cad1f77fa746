"""A node without network: a bundle is brought over SSH, and the install chapters need nothing else."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from e2e.harness import Harness, booted, write_cluster
from hardway.config import load
from hardway.lab.process import end
from hardway.model.images import images

pytestmark = pytest.mark.lab

SUPPLIED = ("install-components", "configure-components")


def alone(folder: Path) -> Path:
    """The lab example with one master, whose mirror is named by an address that this machine, too, can reach."""
    file = write_cluster(folder, "bundle", "10.47.0")
    gone = ("name: master-2", "name: master-3", "name: worker-1", "name: lb-", "loadBalancer:", "virtualAddress:")
    lines = [line for line in file.read_text().splitlines() if not any(word in line for word in gone)]
    text = "\n".join(lines).replace("https://mirror.my-first-cluster.example.com", "https://10.47.0.1")
    file.write_text(text + "\n")
    return file


def bundle(it: Harness, *argv: str) -> subprocess.CompletedProcess[str]:
    """`hardway bundle`, with the lab's CA trusted."""
    os.environ["SSL_CERT_FILE"] = str(it.lab.folder / "tls/ca.crt")
    try:
        return it.hardway("bundle", *argv, check=False)
    finally:
        del os.environ["SSL_CERT_FILE"]


def test_a_node_without_network(tmp_path: Path) -> None:
    """The bundle is made from the mirror; a changed one is refused; with the mirror off the install chapters succeed.

    The node's containerd is empty, so that every image there is came with the bundle.
    """
    file = alone(tmp_path)
    with booted(file, "bundle") as it:
        it.lab.exec("master-1", "rm -rf /var/lib/containerd/*")
        made = bundle(it, "create", "-o", str(tmp_path / "bundle"), "--json")
        assert made.returncode == 0, made.stderr
        it.hardway("apply", "--until", "sysctls")
        end(it.lab.processes()["mirror"])

        runc = next((tmp_path / "bundle/downloads/runc").rglob("runc.amd64"))
        whole = runc.read_bytes()
        runc.write_bytes(whole[:-1] + b"!")
        refused = bundle(it, "use", str(tmp_path / "bundle"))
        assert (refused.returncode, "runc.amd64" in refused.stderr) == (6, True)
        assert it.lab.exec("master-1", "ls /var/cache/hardway 2>&1 || true").startswith("ls: cannot access")

        runc.write_bytes(whole)
        used = bundle(it, "use", str(tmp_path / "bundle"), "--digest", json.loads(made.stdout)["digest"], "--json")
        assert used.returncode == 0, used.stderr
        only = [word for name in SUPPLIED for word in ("--only", name)]
        it.hardway("apply", *only)

        have = it.lab.exec("master-1", "ctr -n k8s.io images ls").splitlines()
        for name in images(load(file)):
            assert any(line.startswith(f"{name} ") and "pinned=pinned" in line for line in have), name
        left = [c for c in json.loads(it.hardway("plan", "--json").stdout)["changes"] if c["chapter"] in SUPPLIED]
        assert left == []
