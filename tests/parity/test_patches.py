"""Patches do what they do for the real kubeadm, to the byte, and are refused where it refuses them."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from minors import ASKED, kubeadm
from patch_trials import STRICTER, Trial, differences, kubeadms, one_file, ours
from patches_of_users import FILES, USUAL
from random_documents import document, every_field

from hardway.gotypes.structs import SCALARS
from hardway.kinds import pods
from hardway.parity.report import compare_file
from hardway.patches.names import KINDS, parse
from hardway.versions import DEFAULT, release

pytestmark = pytest.mark.parity

PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
MERGED = {
    "metadata": {"annotations": {"a": "b"}, "labels": {"tier": None}},
    "spec": {"hostNetwork": False, "priorityClassName": "", "terminationGracePeriodSeconds": 60},
}
ADDED = [{"op": "add", "path": "/spec/containers/0/command/-", "value": "--v=4"}]
KUBELET = {"maxPods": 64, "evictionHard": {"memory.available": None, "nodefs.available": "7%"}, "clusterDNS": []}
EACH = [
    *(one_file(name, kind, [MERGED if kind != "json" else ADDED]) for name in PODS for kind in KINDS),
    *(one_file("kubeletconfiguration", kind, [KUBELET]) for kind in ("strategic", "merge")),
    one_file("kubeletconfiguration", "json", [[{"op": "replace", "path": "/healthzPort", "value": 10999}]]),
]
"""Every target that is a file, with every type."""
WRITTEN = [
    Trial("etcd", {"etcd.yaml": "# only a comment\n"}),
    Trial("etcd", {"etcd+merge.yaml": "# only a comment\n"}),
    Trial("etcd", {"etcd+json.yaml": "# only a comment\n"}),
    Trial("etcd", {"etcd.yaml": "--- # a comment\nmetadata: {labels: {a: b}}\n---\n---\nmetadata: {labels: {c: d}}\n"}),
    Trial("etcd", {"etcd.yaml": "metadata: {labels: {a: b}}\n--- d\n"}),
    Trial("etcd", {"etcd.yaml": "metadata:\n\tlabels: {a: b}\n"}),
    Trial("etcd", {"etcd.json": '{\n\t"metadata": {\t"labels": {"a": "b"}}}'}),
    Trial("etcd", {"etcd.yaml": "metadata: {labels: {a: yes}}\n"}),
    Trial("etcd", {"etcd.yaml": "metadata: {labels: {a: 'yes', b: 1:30}}\n"}),
    Trial("etcd", {"etcd.yaml": "spec: {priority: 1e3, terminationGracePeriodSeconds: 30.0}\n"}),
    Trial("etcd", {"etcd.yaml": "spec: {priority: 1.5}\n"}),
    Trial("etcd", {"etcd.yaml": "[a]\n"}),
    Trial("etcd", {"etcd.yaml": "word\n"}),
    Trial("etcd", {"etcd+json.yaml": "op: remove\npath: /spec\n"}),
    Trial("etcd", {"etcd+merge.yaml": "[a]\n"}),
    Trial("etcd", {"etcd.yaml": ""}),
    Trial("etcd", {"etcd.yaml": "\r\nmetadata: {labels: {a: b}}\r\n---\r\nmetadata: {labels: {c: d}}\r\n"}),
    Trial("etcd", {"etcd+.yaml": "a: b\n"}),
    Trial("etcd", {"etcd+text.yaml": "a: b\n"}),
    Trial("etcd", {"kube-scheduler.yaml": "a: [b\n"}),
    Trial("etcd", {"corednsdeployment.yaml": "a: [b\n"}),
    Trial("etcd", {"unknown.yaml": "a: [b\n", "etcd.yml": "a: [b\n", "README": ""}),
    Trial("etcd", {"b/etcd.yaml": "metadata: {labels: {a: '2'}}", "b.etcd.yaml": "", "etcd.yaml": "metadata: {labels: {a: '1'}}"}),
    Trial("etcd", {"etcd10.yaml": "metadata: {labels: {a: '10'}}", "etcd9.yaml": "metadata: {labels: {a: '9'}}"}),
    Trial("kubeletconfiguration", {"kubeletconfiguration+merge.yaml": "$setElementOrder/clusterDNS: [10.96.0.10]\n"}),
    Trial("etcd", {"etcd/etcd.yaml": "metadata: {labels: {a: '1'}}", "etcd.yaml": "metadata: {labels: {a: '2'}}"}),
    Trial("etcd", {"etcd+json.yaml": "[{op: add, path: /spec/volumes/0, value: {memory: 1Gi}}]\n"}),
]  # fmt: skip
"""How files are named, ordered, split and read, and fields that are passed over."""


def reordered(order: str, items: str) -> Trial:
    """Volumes of the API server in an order that is said (`-`: none is), new ones and, with a dash, deleted ones among them."""
    names = {
        "c": "ca-certs",
        "k": "k8s-certs",
        "l": "usr-local-share-ca-certificates",
        "s": "usr-share-ca-certificates",
    }
    volumes = [
        {"name": names[word[1:]], "$patch": "delete"}
        if word.startswith("-")
        else {"name": names.get(word, word), "hostPath": {"path": f"/{word}"}}
        for word in items.split()
    ]
    said = {} if order == "-" else {"$setElementOrder/volumes": [{"name": names.get(w, w)} for w in order.split()]}
    return one_file("kube-apiserver", "strategic", [{"spec": {"volumes": volumes, **said}}])


REORDERED = [
    reordered("-", "x s y c"),
    reordered("-", "s x k -c"),
    reordered("-", "x -c -k y z"),
    reordered("s x c", "s x"),
    reordered("x s", "x s -c"),
    reordered("x y z k", "x y z -c"),
    reordered("x y", "x -s -k y"),
    reordered("z l y x s", "z l y x s -c"),
    reordered("c k", "-c"),
    reordered("", "x k"),
    reordered("", "x -c y s -k"),
    reordered("s k", "k s"),
]
"""As Go orders merged lists, with what it takes for the list as it was."""


@pytest.mark.parametrize("version", ASKED)
def test_merged_lists_come_in_kubeadm_s_order(version: str) -> None:
    """New items, old ones and deleted ones, with $setElementOrder and without."""
    assert differences(version, REORDERED) == []
    assert sum(ours(version, trial).text is not None for trial in REORDERED) >= 10


@pytest.mark.parametrize("version", ASKED)
def test_every_target_and_type(version: str) -> None:
    """Each static pod and the kubelet's configuration, by each of the three types: the same file, and another one than unpatched."""
    outcomes = kubeadms(
        version, [*EACH, *(Trial(name, {"unknown.yaml": ""}) for name in (*PODS, "kubeletconfiguration"))]
    )
    plain = {
        name: outcome.text
        for name, outcome in zip((*PODS, "kubeletconfiguration"), outcomes[len(EACH) :], strict=True)
    }

    for trial, theirs in zip(EACH, outcomes, strict=False):
        assert theirs.text not in (None, plain[trial.target]), theirs.said
        assert ours(version, trial).text == theirs.text


@pytest.mark.parametrize("version", ASKED)
def test_files_are_read_as_kubeadm_reads_them(version: str) -> None:
    """Documents, comments, numbers, words, order, what is passed over, and what cannot be read."""
    assert differences(version, WRITTEN) == []


@pytest.mark.parametrize("version", ASKED)
@settings(max_examples=3, deadline=None)
@given(trials=st.lists(FILES, min_size=15, max_size=25))
def test_random_patches(version: str, trials: list[tuple[str, str, list[object]]]) -> None:
    """The same file, or refused on both sides; what only we refuse has one of a few reasons."""
    assert differences(version, [one_file(*drawn) for drawn in trials]) == []


@pytest.mark.parametrize("version", ASKED)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_every_field_is_written_as_go_writes_it(version: str, data: st.DataObject) -> None:
    """Random values of all types that a Pod consists of: what is left out, what is null, and how quantities look."""
    spec = document(pods.types(release(version).features)["PodSpec"])
    kinds = st.sampled_from(["merge", "merge", "strategic"])
    drawn = data.draw(st.lists(st.tuples(kinds, spec), min_size=15, max_size=20))

    assert differences(version, [one_file("kube-scheduler", kind, [{"spec": value}]) for kind, value in drawn]) == []


@pytest.mark.parametrize("version", ASKED)
def test_every_field_when_it_is_empty(version: str) -> None:
    """Of each type that a Pod consists of: what is written of zeros, of nothing, and of structs without fields."""
    tables = pods.types(release(version).features)
    zeros = every_field(tables["PodSpec"], lambda kind: None if kind == "time" else SCALARS[kind].zero)
    nothing = every_field(tables["PodSpec"], lambda kind: None)
    bare = {
        name: [{}] if field.type.startswith("[") else {}
        for name, field in tables["PodSpec"].fields.items()
        if field.type.strip("[]") in tables
    }
    trials = [one_file("kube-scheduler", "merge", [{"spec": spec}]) for spec in (zeros, nothing, bare)]

    assert differences(version, trials) == []
    assert all(ours(version, trial).text for trial in trials)


def test_what_only_we_refuse_is_told() -> None:
    """Each reason to be stricter is one that kubeadm does not see: it writes the file."""
    field = {"spec": {"containers": [{"name": "etcd", "imagePullPolice": "Always"}]}}
    trials = [
        one_file("etcd", "strategic", [field]),
        one_file("kubeletconfiguration", "merge", [{"maxPod": 5}]),
        one_file("kubeletconfiguration", "merge", [{"maxPods": "many"}]),
        one_file("kubeletconfiguration", "merge", [{"kind": "Other"}]),
        one_file("etcd", "json", [[{"op": "copy", "from": "/metadata/nothing", "path": "/spec/dnsPolicy"}]]),
        one_file("etcd", "json", [[{"op": "remove", "path": "/spec/volumes/-1"}]]),
        one_file("etcd", "json", [[{"op": "add", "path": "/spec/dnsPolicy"}]]),
        one_file("etcd", "json", [[{"op": "replace", "path": "", "value": {"apiVersion": "v1", "kind": "Pod"}}]]),
        one_file(
            "etcd",
            "strategic",
            [{"metadata": {"finalizers": ["a/b"], "$deleteFromPrimitiveList/finalizers": ["a/b"]}}],
        ),
        Trial("etcd", {"etcd.yaml": "metadata: {labels: {a: b}}\nmetadata: {labels: {c: d}}\n"}),
    ]
    for trial, theirs in zip(trials, kubeadms(DEFAULT, trials), strict=True):
        mine = ours(DEFAULT, trial)
        assert theirs.text is not None, theirs.said
        assert mine.text is None
        assert STRICTER.search(mine.said)


@pytest.mark.parametrize("version", ASKED)
def test_names_mean_what_they_mean_to_kubeadm(version: str) -> None:
    """`Found` and `Ignored` of kubeadm's own output, by name."""
    targets = release(version).features.patch_targets
    names = [
        "etcd.yaml", "etcd0.json", "etcd+json.json", "etcd-a+merge.yaml", "etcd.b+json.yaml", "etcdjson.yaml",
        "etcd+strategic.more.yaml", "my-etcd.yaml", "etcd.yml", "kube-apiserver.yaml.bak", "Etcd.yaml", "kube-proxy.yaml",
        "corednsdeployment.yaml", "kubeproxydaemonset.yaml", "kubeletconfiguration+mergex.yaml", "etcd@.json",
    ]  # fmt: skip
    (said,) = (done.said for done in kubeadms(version, [Trial("kube-scheduler", dict.fromkeys(names, "[]\n"))]))
    found = next(line for line in said.splitlines() if "Found the following" in line).partition("[patches] Found")[2]

    read = [name for name in names if parse(name, targets).target]
    assert sorted(found.partition("[")[2].rstrip("]").split()) == sorted(read)


def cluster(version: str) -> str:
    """Two masters and a worker, whose patches come from two directories."""
    api = release(version).features.config_apis[-1]
    kinds: list[dict[str, object]] = [
        {"kind": "InitConfiguration", "patches": {"directory": "/etc/kubernetes/patches"}},
        {"kind": "JoinConfiguration", "patches": {"directory": "/srv/patches"}},
        {
            "kind": "ClusterConfiguration",
            "kubernetesVersion": version,
            "controlPlaneEndpoint": "api.example.com:8443",
        },
    ]
    nodes = [("master-1", 11, "control-plane"), ("master-2", 12, "control-plane"), ("worker-1", 21, "worker")]
    inventory = {
        "apiVersion": "hardway.dev/v1alpha1",
        "kind": "Inventory",
        "baseDomain": "example.com",
        "patches": {"/etc/kubernetes/patches": "first", "/srv/patches": "others"},
        "nodes": [{"name": name, "address": f"10.0.0.{number}", "roles": [role]} for name, number, role in nodes],
        "proxy": {"http": "http://proxy.example.com:3128"},
    }
    return yaml.safe_dump_all([*({"apiVersion": api, **kind} for kind in kinds), inventory])


@pytest.mark.parametrize("version", ASKED)
def test_a_whole_cluster_is_patched_as_kubeadm_does_it(version: str, tmp_path: Path) -> None:
    """Files and objects of every node, CoreDNS and kube-proxy where this kubeadm patches them."""
    for folder in ("first", "others"):
        for name, content in USUAL.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(content)
    (tmp_path / "others" / "kubeletconfiguration9.yaml").write_text("maxPods: 99\n")
    path = tmp_path / "cluster.yaml"
    path.write_text(cluster(version))
    report = compare_file(path, kubeadm(version))

    assert [str(difference) for difference in report.undeclared] == []
    assert len(report.rows) > 90
