"""Clusters of other minors than the article's on live nodes: one between, and the newest.

What comes between them is held against its kubeadm without nodes (`tests/parity/test_minors.py`).
"""

import json
import re
from collections.abc import Iterator

import pytest

from built import real_kubeadm
from e2e.harness import Harness, booted, eventually, write_cluster
from e2e.workload import assert_reached_by_name
from hardway.versions import RELEASES

pytestmark = [pytest.mark.lab, pytest.mark.long]

VERSIONS = ("v1.34.4", RELEASES[-1].kubernetes)


@pytest.fixture(scope="module", params=VERSIONS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """The lab example with another kubernetesVersion, brought up by one command."""
    file = write_cluster(tmp_path_factory.mktemp("minor"), "minor", "10.58.0", request.param)
    with booted(file, "minor") as it:
        done = it.hardway("apply", check=False)
        assert done.returncode == 0, done.stderr + it.diagnosis()
        yield it


def test_the_cluster_is_whole(made: Harness) -> None:
    """All nodes Ready, all pods run, three voters; nothing left to do, every check says yes, the audit finds nothing."""
    made.assert_whole()


def test_every_part_is_of_the_version(made: Harness) -> None:
    """API server and kubelets say the version; static pods and add-ons run the images that belong to it."""
    release = made.lab.spec.kubernetes
    pins = next(row for row in RELEASES if row.kubernetes == release)
    server = json.loads(made.kubectl("version -o json"))["serverVersion"]["gitVersion"]
    kubelets = made.kubectl("get nodes -o 'jsonpath={.items[*].status.nodeInfo.kubeletVersion}'").split()
    images = made.kubectl("-n kube-system get pods -o 'jsonpath={.items[*].spec.containers[*].image}'").split()

    assert server == release
    assert kubelets == [release] * 4
    assert {image.removeprefix("registry.k8s.io/") for image in images} == {
        f"etcd:{pins.etcd_image_tag}",
        f"coredns/coredns:{pins.coredns_image_tag}",
        *(
            f"{name}:{release}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
        ),
    }


def test_a_pod_reaches_another_by_name(made: Harness) -> None:
    """DNS, kube-proxy and the pod network of this version work together; so do logs, through the kubelet's certificate."""
    assert_reached_by_name(made)
    assert made.kubectl("logs web") == "serving\n"


def test_its_kubeadm_knows_every_certificate(made: Harness) -> None:
    """The kubeadm of this version and hardway list the same certificates, and none has ended."""
    made.put(real_kubeadm(made.lab.spec.kubernetes), "master-2")
    table = made.lab.exec("master-2", "kubeadm certs check-expiration 2>&1")
    listed = json.loads(made.hardway("certs", "check-expiration", "--node", "master-2", "--json").stdout)

    known = dict(re.findall(r"^([a-z][-a-z.]*) +[A-Z][a-z]{2} \d+, \d+ \d+:\d+ UTC +(\S+)", table, re.MULTILINE))
    assert set(known) == {item["name"] for item in listed}
    assert set(known.values()) == {"364d", "9y"}


def test_a_master_that_kubeadm_has_reset_joins_again_by_hardway(made: Harness) -> None:
    """kubeadm takes its member out of etcd and its containers away, its Node stays; afterwards all is as before.

    Not with v1.30: its reset leaves the containers running where crictl is missing.
    """
    made.put(real_kubeadm(made.lab.spec.kubernetes), "master-3")
    made.lab.exec("master-3", "kubeadm reset -f 2>&1")
    assert made.voters() == {"master-1", "master-2"}
    ready = "-o 'jsonpath={.status.conditions[?(@.type==\"Ready\")].status}'"
    asked = f"get node master-3.my-first-cluster.example.com {ready}"
    eventually(lambda: made.kubectl(asked) == "Unknown", 120, "the Node to fall silent")

    made.hardway("node", "add", "master-3", "--yes")

    made.assert_whole()


def test_a_member_that_kubeadm_left_behind_is_told_before_anything_is_changed(made: Harness) -> None:
    """Without its Node `kubeadm reset` takes a master's data and leaves its vote; hardway's reset takes that, too."""
    made.kubectl("delete node master-3.my-first-cluster.example.com")
    made.lab.exec("master-3", "kubeadm reset -f 2>&1")
    assert made.voters() == {"master-1", "master-2", "master-3"}

    refused = made.hardway("node", "add", "master-3", "--yes", check=False)
    assert refused.returncode == 6, refused.stderr
    assert "its member of etcd does not answer" in refused.stderr
    assert (
        made.lab.exec("master-3", "ls -A /etc/kubernetes/pki /var/lib/kubelet")
        == "/etc/kubernetes/pki:\n\n/var/lib/kubelet:\n"
    )

    made.hardway("reset", "--node", "master-3", "--yes")
    assert made.voters() == {"master-1", "master-2"}
    made.hardway("node", "add", "master-3", "--yes")
    made.assert_whole()
