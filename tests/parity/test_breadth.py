"""Files and objects are kubeadm's for configurations that nobody has thought of (`make parity N=2000` for many more)."""

import pytest
import yaml
from broad import beside_kubeadm, told
from configurations import clusters
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from minors import ASKED, kubeadm
from refusals import KEPT, Kept, kubeadm_takes, only_kubeadm_takes
from sides import example, problems_of

from hardway.config.problems import Problem
from hardway.versions import DEFAULT, release

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("version", ASKED)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_nothing_differs_for_random_configurations(version: str, data: st.DataObject) -> None:
    """Every field of every file and object is kubeadm's, whatever is set and left out."""
    report = beside_kubeadm(data.draw(clusters(version)), version)
    if report is None:
        reject()

    assert told(report) == ""


@pytest.mark.parametrize("version", ASKED)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_both_refuse_the_same(version: str, data: st.DataObject) -> None:
    """Of documents that are hardly right: where we say no and kubeadm yes, the reason is on the list; never the other way."""
    text = data.draw(clusters(version, spoilt=True)).text
    problems = problems_of(text)

    assert only_kubeadm_takes(kubeadm(version), text, problems) == []
    if not problems:
        assert kubeadm_takes(kubeadm(version), text)


def test_a_refusal_without_a_reason_is_told() -> None:
    """The example is right for kubeadm: whatever we had against it would be told; what it refuses itself would not."""
    text = example("lab").read_text()
    place = "ClusterConfiguration.networking.podSubnet"
    mine = [
        Problem("too blue", "JoinConfiguration.nodeRegistration"),
        Problem("pods 10.1.0.0/16 overlap services 10.1.0.0/16", place),
        Problem("pods 10.1.0.0/16 overlap services 10.1.0.0/16", "Inventory.network.podCIDR"),
    ]
    wrong = text.replace("kubernetesVersion: ", "kubernetesVersio: ")

    assert only_kubeadm_takes(kubeadm(DEFAULT), text, mine) == [
        "JoinConfiguration.nodeRegistration: too blue",
        "Inventory.network.podCIDR: pods 10.1.0.0/16 overlap services 10.1.0.0/16",
    ]
    assert not kubeadm_takes(kubeadm(DEFAULT), wrong)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.reason)
def test_every_reason_is_needed(kept: Kept) -> None:
    """kubeadm still takes what each of them is about, and hardway refuses nothing else in it."""
    api = release(kept.version).features.config_apis[-1]
    (kind, *path), value = kept.shown[0].split("."), kept.shown[1]
    documents = {
        "InitConfiguration": {"apiVersion": api},
        "ClusterConfiguration": {
            "apiVersion": api,
            "kubernetesVersion": kept.version,
            "controlPlaneEndpoint": "api.example.com",
        },
        "Inventory": {
            "apiVersion": "hardway.dev/v1alpha1",
            "baseDomain": "example.com",
            "nodes": [
                {"name": f"master-{number}", "address": f"10.30.0.1{number}", "roles": ["control-plane"]}
                for number in (1, 2)
            ],
        },
    }
    here = documents.setdefault(kind, {"apiVersion": api})
    for name in path[:-1]:
        here = here.setdefault(name, {})
    here[path[-1]] = value
    text = yaml.safe_dump_all([{**document, "kind": name} for name, document in documents.items()])
    problems = problems_of(text)

    assert problems
    assert [problem for problem in problems if not kept.covers(problem, kept.version)] == []
    assert kubeadm_takes(kubeadm(kept.version), text)
