"""Whatever stands in a cluster.yaml: a cluster comes out, or problems with their places; never a traceback."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from configuration_documents import KUBE_PROXY, KUBELET
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hardway.config import InvalidConfiguration, load, loads
from hardway.gotypes.durations import go_duration, nanoseconds
from hardway.gotypes.quantities import canonical
from hardway.model import thaw
from parity.random_documents import DURATIONS, QUANTITIES

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENTS = {
    name: list(yaml.safe_load_all((EXAMPLES / name / "cluster.yaml").read_text()))
    for name in ("lab", "my-first-cluster")
}

WORDS = st.sampled_from(
    [
        "",
        "a",
        "a.b",
        "A_B",
        "-",
        "/",
        "0",
        "10.0.0.1",
        "10.0.0.0/8",
        "fd00::/8",
        "::",
        ":",
        "[",
        "1.2.3.4/33",
        ",",
        "*",
    ]
) | st.text(max_size=6)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


PLACES = {name: [place for place in places(documents) if len(place) > 1] for name, documents in DOCUMENTS.items()}


def outcome(text: str, folder: Path) -> str:
    """`valid`, or the rendered problems."""
    try:
        loads(text, folder=folder)
    except InvalidConfiguration as refused:
        return refused.render() if refused.problems else ""
    return "valid"


@settings(max_examples=200)
@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)), value=ANYTHING)
def test_anything_at_any_place(data: st.DataObject, name: str, value: Any) -> None:
    """One value of an example replaced by something else."""
    documents: Any = copy.deepcopy(DOCUMENTS[name])
    *above, last = data.draw(st.sampled_from(PLACES[name]))
    holder = documents
    for key in above:
        holder = holder[key]
    holder[last] = value
    try:
        text = "\n---\n".join(json.dumps(document) for document in documents)
    except ValueError:
        text = yaml.safe_dump_all(documents)

    assert outcome(text, EXAMPLES / name)


@settings(max_examples=100)
@given(kubelet=KUBELET, proxy=KUBE_PROXY)
@example(kubelet={"clusterDNS": []}, proxy={})
def test_every_component_configuration_is_read(kubelet: dict[str, Any], proxy: dict[str, Any]) -> None:
    """Fields of the right type are always accepted, and what is stored is accepted again and stays as it is.

    One field cannot stay: an empty clusterDNS is a choice, but Go stores no empty lists, so whoever reads the
    stored document finds no choice and takes the default. kubeadm does the same to itself.
    """
    inventory = DOCUMENTS["lab"][-1]
    plain = {
        "apiVersion": "kubeadm.k8s.io/v1beta3",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": "v1.30.4",
        "controlPlaneEndpoint": "api.example.com",
    }
    components = [
        {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", **kubelet},
        {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", **proxy},
    ]
    once = loads("\n---\n".join(json.dumps(document) for document in [plain, inventory, *components]))
    stored = [
        thaw(document)
        for document in (once.cluster_configuration, once.kubelet_configuration, once.kube_proxy_configuration)
    ]
    twice = loads("\n---\n".join(json.dumps(document) for document in [*stored, inventory]))

    if kubelet.get("clusterDNS") == []:
        assert "clusterDNS" not in stored[1]
        stored[1]["clusterDNS"] = [once.networking.dns_address]
    assert stored == [
        thaw(document)
        for document in (twice.cluster_configuration, twice.kubelet_configuration, twice.kube_proxy_configuration)
    ]


@given(DURATIONS | st.integers(-(2**62), 2**62).map(lambda length: f"{length}ns"))
def test_durations_keep_their_length(text: str) -> None:
    """Writing a duration as Go does changes nothing."""
    assert nanoseconds(go_duration(text)) == nanoseconds(text)


@given(QUANTITIES.map(str) | st.from_regex(r"[0-9]{1,9}(\.[0-9]{0,3})?(m|k|M|Gi|Ki|e3|)", fullmatch=True))
def test_canonical_quantities_stay(text: str) -> None:
    """What Kubernetes writes it reads as the same."""
    once = canonical(text)

    assert once is not None
    assert canonical(once) == once


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n"])
def test_what_contains_itself_is_refused(text: str) -> None:
    """An anchor can stand in itself."""
    assert "nested too deeply" in outcome(text, EXAMPLES)


def test_anchors_cannot_make_it_endless() -> None:
    """A short text that means a very long one is cut."""
    bomb = "kind: Inventory\napiVersion: hardway.dev/v1alpha1\na0: &a0 [x, x]\n" + "".join(
        f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}]\n" for n in range(30)
    )

    assert "too many values" in outcome(bomb, EXAMPLES)


@given(content=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_are_answered(content: bytes) -> None:
    """Whatever lies in the file, it is a cluster or a list of problems."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cluster.yaml"
        file.write_bytes(content)
        with pytest.raises(InvalidConfiguration) as refused:
            load(file)

    assert refused.value.problems
    assert refused.value.render()


@settings(max_examples=100)
@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)), junk=st.text(min_size=1, max_size=8))
def test_text_with_something_in_between(data: st.DataObject, name: str, junk: str) -> None:
    """An example with a few letters put in, or some taken away, anywhere."""
    text = (EXAMPLES / name / "cluster.yaml").read_text()
    begin = data.draw(st.integers(0, len(text)))
    end = min(len(text), begin + data.draw(st.integers(0, 20)))

    assert outcome(text[:begin] + junk + text[end:], EXAMPLES / name)
