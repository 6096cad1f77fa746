"""cluster.yaml: what is accepted, what is refused, and how it is said."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardway.config import InvalidConfiguration, load, loads
from hardway.model import Role

ROOT = Path(__file__).resolve().parents[2]
LAB = (ROOT / "examples/lab/cluster.yaml").read_text()


def problems(text: str) -> list[tuple[int, str]]:
    """Line and message of every problem."""
    with pytest.raises(InvalidConfiguration) as caught:
        loads(text)
    assert caught.value.exit_code == 2
    assert "Traceback" not in caught.value.render()
    return [(problem.line, problem.message) for problem in caught.value.problems]


def line_of(text: str, part: str) -> int:
    """Number of the line that holds a part."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("example", ["lab", "my-first-cluster"])
def test_examples_load(example: str) -> None:
    """Both examples are valid, and loading twice gives equal clusters."""
    file = ROOT / "examples" / example / "cluster.yaml"

    assert load(file) == load(file)
    assert [node.host_name for node in load(file).control_planes] == ["master-1", "master-2", "master-3"]


def test_article_flags_are_complete() -> None:
    """my-first-cluster carries the article's 125, 116, 40 and 23 flags."""
    cluster = load(ROOT / "examples/my-first-cluster/cluster.yaml")

    assert len(cluster.api_server.extra_args) == 125
    assert len(cluster.controller_manager.extra_args) == 116
    assert len(cluster.scheduler.extra_args) == 40
    assert len(cluster.etcd.extra_args) == 23


def test_derived_values() -> None:
    """Names, addresses and pod networks follow from the inventory."""
    cluster = loads(LAB)
    first = cluster.first_control_plane

    assert first.name == "master-1.my-first-cluster.example.com"
    assert (cluster.networking.api_service_address, cluster.networking.dns_address) == ("10.96.0.1", "10.96.0.10")
    assert [node.pod_cidr for node in cluster.nodes] == [
        "10.244.0.0/24",
        "10.244.1.0/24",
        "10.244.2.0/24",
        "10.244.3.0/24",
        "",
        "",
    ]
    assert (cluster.balancer.address, cluster.balancer.virtual) == ("10.30.0.10", True)
    assert cluster.node("lb-1").roles == {Role.LOAD_BALANCER}
    assert "crictl" not in cluster.downloads


def test_all_problems_at_once_with_their_lines() -> None:
    """Several mistakes are told together, each with its line."""
    text = LAB.replace("baseDomain:", "baseDomian:").replace("address: 10.30.0.12", "address: 10.30.0.11x")
    text = text.replace("kubernetesVersion: v1.30.4", "kubernetesVersion: v1.99.0")

    found = problems(text)

    assert (line_of(text, "baseDomian"), "unknown field `baseDomian`") in found
    assert (line_of(text, "v1.99.0"), "Kubernetes `v1.99.0` is not supported") in found
    assert len(found) >= 3


@pytest.mark.parametrize("api", ["v1beta3", "v1beta4"])
@pytest.mark.parametrize("version", ["v1.28.1", "v1.30.5", "v1.34.5", "v1.99.0"])
def test_a_version_that_is_not_supported_is_one_problem(version: str, api: str) -> None:
    """Nobody knows which documents it reads and which fields it has: nothing is said against either."""
    text = LAB.replace("v1.30.4", version).replace("kubeadm.k8s.io/v1beta3", f"kubeadm.k8s.io/{api}")

    assert [found for _, found in problems(text)] == [f"Kubernetes `{version}` is not supported"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("address: 10.30.0.12", "address: 10.30.0.11", "`10.30.0.11` stands twice"),
        ("name: master-2", "name: master-1", "`master-1` stands twice"),
        ("name: worker-1", "name: Worker_1", "is not a DNS name"),
        ("roles: [control-plane]", "roles: [worker]", "there is no master"),
        ("serviceSubnet: 10.96.0.0/16", "serviceSubnet: 10.96.0.0/40", "not a CIDR"),
        ("podCIDR: 10.244.0.0/16", "podCIDR: 10.96.0.0/16", "overlap"),
        ("serverTLSBootstrap: true", "serverTlsBootstrap: true", "unknown field `serverTlsBootstrap`"),
        ("serverTLSBootstrap: true", "serverTLSBootstrap: often", "must be true or false, not `often`"),
        ("kind: bridge", "kind: tunnel", "must be `none` or `bridge`, not `tunnel`"),
        (
            "kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration",
            "kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration",
            "does not read",
        ),
        (
            "kind: InitConfiguration\nnodeRegistration:",
            "kind: InitConfiguration\nnodeRegistration:\n  name: master-1",
            "`master-1` is not what the first master of the Inventory is called: `master-1.my-first-cluster.example.com`",
        ),
        (
            "kind: JoinConfiguration\nnodeRegistration:",
            "kind: JoinConfiguration\nnodeRegistration:\n  name: master-2",
            "no joining node of the Inventory is called `master-2`",
        ),
        (
            "kind: JoinConfiguration\n",
            "kind: JoinConfiguration\ndiscovery: {bootstrapToken: {apiServerEndpoint: api.example.com}}\n",
            "`api.example.com` is not a host with a port",
        ),
        (
            "kind: JoinConfiguration\n",
            "kind: JoinConfiguration\ndiscovery: {tlsBootstrapToken: a.b}\n",
            "not a bootstrap token",
        ),
        ("kind: JoinConfiguration\n", "kind: JoinConfiguration\ndiscovery: {timeout: '5'}\n", "not a duration"),
    ],
)
def test_mistakes_are_named(old: str, new: str, message: str) -> None:
    """Each kind of mistake is found and named."""
    assert any(message in found for _, found in problems(LAB.replace(old, new)))


def test_a_name_in_kubeadms_documents_is_that_of_the_node() -> None:
    """In full, and in capitals as kubeadm takes it."""
    text = LAB
    for kind, name in (("Init", "Master-1"), ("Join", "worker-1")):
        head = f"kind: {kind}Configuration\nnodeRegistration:"
        text = text.replace(head, f"{head}\n  name: {name}.my-first-cluster.example.com")

    assert text != LAB
    assert loads(text) == loads(LAB)


def test_unverified_joins_are_refused() -> None:
    """unsafeSkipCAVerification cannot be switched on."""
    text = LAB.replace(
        "kind: JoinConfiguration\n",
        "kind: JoinConfiguration\ndiscovery: {bootstrapToken: {unsafeSkipCAVerification: true}}\n",
    )

    assert [message for _, message in problems(text)] == ["joins always verify the CA"]


def test_hint_says_what_was_meant() -> None:
    """A misspelled field gets its neighbour as a hint, and the line is marked."""
    with pytest.raises(InvalidConfiguration) as caught:
        loads(LAB.replace("clusterName:", "clusterNmae:"))

    assert "did you mean `clusterName`?" in caught.value.render()
    assert "^^^^" in caught.value.render()


@settings(max_examples=150)
@given(st.text(max_size=300))
def test_garbage_never_ends_in_a_traceback(text: str) -> None:
    """Whatever the file holds, the answer is a list of problems."""
    assert problems(text)


@settings(max_examples=100)
@given(
    st.integers(0, len(LAB.splitlines()) - 1),
    st.text(alphabet=" :-[]{}'\"#&*!|>%@`\\x", min_size=1, max_size=8),
    st.integers(0, 40),
)
def test_damaged_examples_never_end_in_a_traceback(number: int, junk: str, column: int) -> None:
    """A line damaged at random is either still valid or gives problems."""
    lines = LAB.splitlines()
    lines[number] = lines[number][:column] + junk + lines[number][column:]
    found: tuple[object, ...] = ("valid",)
    try:
        loads("\n".join(lines))
    except InvalidConfiguration as refused:
        found = refused.problems

    assert found
