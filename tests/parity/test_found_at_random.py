"""What random configurations have found, each in the smallest file that has it, beside the real kubeadm."""

import json
from typing import Any

import pytest
from broad import beside_kubeadm, told
from configurations import Configuration
from minors import kubeadm
from settings_of_users import METRICS_URLS

from hardway.config.load import loads
from hardway.features import V1BETA4
from hardway.model.images import images
from hardway.parity import documents
from hardway.parity.oracle import CONFIG
from hardway.renderers import sandbox
from hardway.renderers.files import file

pytestmark = pytest.mark.parity

VERSION = "v1.34.4"
DEFAULT, MIRROR = "registry.k8s.io", "registry.example.com/mirror"
ENVS = [{"name": "A", "value": ""}, {"name": "B"}, {"name": "C", "value": "c"}]


def configuration(**fields: Any) -> Configuration:
    """A cluster.yaml with these fields of ClusterConfiguration."""
    cluster = {
        "apiVersion": V1BETA4,
        "kind": "ClusterConfiguration",
        "kubernetesVersion": VERSION,
        "controlPlaneEndpoint": "api.example.com:6443",
        "encryptionAlgorithm": "ECDSA-P256",
        **fields,
    }
    inventory = {
        "apiVersion": "hardway.dev/v1alpha1",
        "kind": "Inventory",
        "baseDomain": "example.com",
        "nodes": [
            {"name": "master-1", "address": "10.30.0.11", "roles": ["control-plane"]},
            {"name": "worker-1", "address": "10.30.0.21", "roles": ["worker"]},
        ],
    }
    return Configuration("\n---\n".join(map(json.dumps, (cluster, inventory))))


def differences(given: Configuration) -> str:
    """Fields in which kubeadm's files and objects are others."""
    report = beside_kubeadm(given, VERSION)
    assert report is not None
    return told(report)


@pytest.mark.parametrize("url", METRICS_URLS)
def test_where_etcd_is_asked_for_its_health(url: str) -> None:
    """The probes follow the first listen-metrics-urls as far as kubeadm understands it."""
    etcd = {"local": {"extraArgs": [{"name": "listen-metrics-urls", "value": url}]}}

    assert differences(configuration(etcd=etcd)) == ""


@pytest.mark.parametrize("place", ["apiServer", "controllerManager", "scheduler", "etcd"])
def test_a_variable_without_a_value(place: str) -> None:
    """It is one in the static pod, and its value is left out: nothing and an empty text are the same."""
    extra = {"extraEnvs": ENVS}

    assert differences(configuration(**{place: {"local": extra} if place == "etcd" else extra})) == ""


@pytest.mark.parametrize(
    ("repository", "of_dns", "expected"),
    [
        (DEFAULT, "", f"{DEFAULT}/coredns/coredns"),
        (DEFAULT, DEFAULT, f"{DEFAULT}/coredns/coredns"),
        (MIRROR, "", f"{MIRROR}/coredns"),
        (MIRROR, DEFAULT, f"{DEFAULT}/coredns/coredns"),
        (DEFAULT, MIRROR, f"{MIRROR}/coredns"),
        (MIRROR, f"{DEFAULT}/coredns", f"{DEFAULT}/coredns/coredns"),
    ],
)
def test_the_folder_of_coredns(repository: str, of_dns: str, expected: str) -> None:
    """The image lies in a folder of its own in the default registry, whichever field names that, and nowhere else."""
    given = configuration(imageRepository=repository, dns={"imageRepository": of_dns})
    cluster = loads(given.text)
    done = sandbox.run(
        sandbox.machine(cluster.nodes[0], {"kubeadm": kubeadm(VERSION)}),
        f"kubeadm config images list --config {CONFIG} 2>/dev/null\n",
        {CONFIG: file(documents.for_init(documents.read(given.text), cluster.nodes[0]), 0o600)},
    )

    assert list(images(cluster)) == done.output.split()
    assert [image.rpartition(":")[0] for image in images(cluster) if "coredns" in image] == [expected]


def test_the_folder_of_coredns_in_the_deployment() -> None:
    """What is listed is what runs."""
    assert differences(configuration(imageRepository=MIRROR, dns={"imageRepository": DEFAULT})) == ""
