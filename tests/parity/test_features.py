"""The table of minors says of kubeadm's feature gates and API versions what each kubeadm says itself."""

import re
import subprocess

import pytest
import yaml
from minors import ASKED, kubeadm
from refusals import kubeadm_takes

from hardway.features import Gate
from hardway.versions import release

pytestmark = pytest.mark.parity

GATE = re.compile(
    r"^\s+(?P<name>\w+)=true\|false \((?:(?P<stage>[A-Z]+) - )?default=(?P<default>true|false)\)$", re.M
)
APIS = (*(f"kubeadm.k8s.io/v1beta{number}" for number in (2, 3, 4, 5)), "kubeadm.k8s.io/v1")


def said(version: str, *argv: str) -> str:
    """What that kubeadm prints."""
    return subprocess.run([kubeadm(version), *argv], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", ASKED)
def test_gates_are_those_that_kubeadm_lists(version: str) -> None:
    """Names and defaults; those that cannot be turned over are the ones without a stage, because they are done."""
    listed = said(version, "init", "--help").partition("--feature-gates")[2].partition("--help")[0]
    found = {gate["name"]: Gate(gate["default"] == "true", gate["stage"] is None) for gate in GATE.finditer(listed)}

    assert found == release(version).features.gates
    assert len(found) == listed.count("=true|false")


@pytest.mark.parametrize("version", ASKED)
def test_api_versions_are_those_that_kubeadm_reads(version: str) -> None:
    """Of all that there are and of some to come; it stores the newest."""
    read = []
    for api in APIS:
        documents = [
            {
                "apiVersion": api,
                "kind": "ClusterConfiguration",
                "kubernetesVersion": version,
                "controlPlaneEndpoint": "api.example.org",
            },
            {"kind": "Inventory", "nodes": [{"name": "master-1", "address": "10.30.0.11"}]},
        ]
        if kubeadm_takes(kubeadm(version), "---\n".join(map(yaml.safe_dump, documents))):
            read.append(api)
    defaults = yaml.safe_load_all(said(version, "config", "print", "init-defaults"))

    assert tuple(read) == release(version).features.config_apis
    assert {document["apiVersion"] for document in defaults} == {release(version).features.upload_config_api}
