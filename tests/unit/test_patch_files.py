"""kubeadm's patches: names of files, what is read, what the three types do, and where the result goes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardway.bundle.contents import images_of
from hardway.chapters import addons_coredns, control_plane, etcd, kubelet_start
from hardway.chapters.configure_components import CONFIGURE_COMPONENTS
from hardway.chapters.etcd_join import ETCD_JOIN
from hardway.config import InvalidConfiguration, loads
from hardway.config.advice import advice
from hardway.errors import UsageError
from hardway.gotypes.structs import marshal, wrong
from hardway.kinds import pods
from hardway.model import Cluster, Node, Patch, Patches, freeze, thaw
from hardway.patches.names import parse
from hardway.patches.schema import Kind, Unfit
from hardway.patches.strategic import merge
from hardway.steps import Command, File, StaticPod
from hardway.versions import RELEASES, release

DIRECTORY = "/etc/kubernetes/patches"
TEXT = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
patches: {directory: /etc/kubernetes/patches}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
patches: {directory: /etc/kubernetes/patches}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
clusterName: mine
controlPlaneEndpoint: api.example.com:8443
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
patches: {/etc/kubernetes/patches: mine}
nodes:
  - {name: master-1, address: 10.0.0.11, roles: [control-plane]}
  - {name: master-2, address: 10.0.0.12, roles: [control-plane]}
  - {name: worker-1, address: 10.0.0.21, roles: [worker]}
"""


@pytest.fixture
def beside(tmp_path: Path) -> Callable[..., Cluster]:
    """Loads a cluster.yaml that has these files beside it."""

    def load(files: dict[str, str], text: str = TEXT) -> Cluster:
        (tmp_path / "mine").mkdir(exist_ok=True)
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return loads(text, folder=tmp_path)

    return load


def refused(beside: Callable[..., Cluster], files: dict[str, str], text: str = TEXT) -> list[str]:
    """The problems."""
    with pytest.raises(InvalidConfiguration) as refusal:
        beside(files, text)
    assert all(problem.line for problem in refusal.value.problems)
    return [problem.message for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("name", "target", "kind"),
    [
        ("etcd.yaml", "etcd", "strategic"),
        ("etcd.json", "etcd", "strategic"),
        ("kube-apiserver0+merge.yaml", "kube-apiserver", "merge"),
        ("kube-apiserver-my-words+json.json", "kube-apiserver", "json"),
        ("kube-apiserver+strategic.yaml", "kube-apiserver", "strategic"),
        ("kubeletconfiguration.more.yaml", "kubeletconfiguration", "strategic"),
        ("etcd+jsonlike.yaml", "etcd", "json"),
        ("etcdjson.yaml", "etcd", "strategic"),
        ("etcd.a+json.yaml", "etcd", "strategic"),
        ("etcd.yml", "", ""),
        ("etcd", "", ""),
        (".yaml", "", ""),
        ("my-etcd.yaml", "", ""),
        ("corednsdeployment.yaml", "", ""),
    ],
)
def test_what_a_name_says(name: str, target: str, kind: str) -> None:
    """Target and type; what is nothing for this kubeadm is passed over with a reason."""
    found = parse(name, release("v1.30.4").features.patch_targets)

    assert (found.target, found.kind, found.wrong) == (target, kind, "")
    assert bool(found.ignored) == (not target)


@pytest.mark.parametrize("name", ["etcd+.yaml", "etcd+yaml.yaml", "kube-scheduler1+Json.json"])
def test_a_type_that_is_none(name: str) -> None:
    """Behind a + stands a type, or kubeadm stops."""
    assert "json, merge, strategic" in parse(name, release("v1.30.4").features.patch_targets).wrong


def test_an_add_on_stays_the_object_that_it_is() -> None:
    """A patch may change all of CoreDNS but what it is called."""
    text = TEXT.split("---\n", 2)[2].replace("v1.30.4", "v1.34.4").replace("v1beta3", "v1beta4")
    cluster = loads(text.replace("patches: {/etc/kubernetes/patches: mine}\n", ""))
    for value, fits in (({"metadata": {"name": "other"}}, False), ({"spec": {"replicas": 5}}, True)):
        patch = Patch("corednsdeployment", "merge", freeze(value), "f")
        node = replace(cluster.nodes[0], patches=Patches("/p", (), (patch,)))
        if fits:
            own = addons_coredns.own_objects(cluster, node)[1]
            assert [thaw(one)["spec"]["replicas"] for one in (own, addons_coredns.objects(cluster, node)[3])] == [
                5,
                5,
            ]
        else:
            with pytest.raises(UsageError, match="another object"):
                addons_coredns.objects(cluster, node)


def test_targets_of_minors() -> None:
    """CoreDNS came with 1.31, kube-proxy with 1.37."""
    found = {r.minor: r.features.patch_targets for r in RELEASES}

    assert "corednsdeployment" not in found["1.30"]
    assert {"corednsdeployment", "etcd"} <= set(found["1.31"])
    assert [minor for minor, targets in found.items() if "kubeproxydaemonset" in targets] == ["1.37"]


@pytest.mark.parametrize("version", [r.kubernetes for r in RELEASES])
def test_an_unpatched_pod_stays_as_it_is(version: str) -> None:
    """Read into Go's types and written again, our manifests are the same in every minor: the tables fit to them."""
    api = release(version).features.config_apis[-1]
    text = TEXT.split("---\n", 2)[2].replace("v1.30.4", version).replace("kubeadm.k8s.io/v1beta3", api)
    cluster = loads(text.replace("patches: {/etc/kubernetes/patches: mine}\n", ""))
    table = pods.types(cluster.release.features)["Pod"]
    for node in cluster.control_planes:
        for pod in (
            *(control_plane.manifest(cluster, node, name) for name in control_plane.COMPONENTS),
            etcd.manifest(cluster, node, "a"),
        ):
            assert [*wrong(table, thaw(pod))] == []
            assert marshal(table, thaw(pod)) == thaw(pod)


def test_files_are_read_in_kubeadm_s_order(beside: Callable[..., Cluster]) -> None:
    """By their names, below directories at the place of these; each with its documents one after the other."""
    cluster = beside(
        {
            "mine/etcd2.yaml": "metadata: {labels: {x: a}}\n--- # next\n# nothing but a comment\n---\nmetadata: {labels: {x: b}}\n",
            "mine/etcd10+merge.json": '{\n\t"metadata": {"labels": {"y": "c"}}\n}',
            "mine/etcd1/etcd+json.yaml": "[{op: test, path: /kind, value: Pod}]",
            "mine/README.md": "read me",
            "mine/empty/etcd.yaml": "",
        }
    )
    patches = cluster.nodes[2].patches

    assert [(patch.file, patch.kind) for patch in patches.patches] == [
        ("mine/etcd1/etcd+json.yaml", "json"),
        ("mine/etcd10+merge.json", "merge"),
        ("mine/etcd2.yaml", "strategic"),
        ("mine/etcd2.yaml", "strategic"),
        ("mine/etcd2.yaml", "strategic"),
    ]
    assert [thaw(patch.value) for patch in patches.patches][3] is None
    assert f"{DIRECTORY}/README.md" not in dict(patches.files)
    assert thaw(etcd.manifest(cluster, cluster.nodes[0], "a"))["metadata"]["labels"] == {
        "component": "etcd",
        "tier": "control-plane",
        "x": "b",
        "y": "c",
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"mine/etcd.yaml": "a: [b\n"}, "`mine/etcd.yaml`: line 2: not YAML"),
        ({"mine/etcd.yaml": "a: b\n---\nspec:\n  a: {\n"}, "`mine/etcd.yaml`: line "),
        ({"mine/etcd.yaml": "a: b\n---- \n"}, "line 2: behind --- stands something else than a comment"),
        ({"mine/etcd+patch.yaml": "a: b\n"}, "`mine/etcd+patch.yaml`: behind the + stands none of"),
        ({"mine/etcd.yaml": "spec: {containers: [{name: etcd, imagePullPolice: Always}]}"}, "unknown field `imagePullPolice`"),
        ({"mine/etcd.yaml": "spec: {containers: [{image: a}]}"}, "an item has no `name`, by which the list is merged"),
        ({"mine/etcd.yaml": "spec: {hostNetwork: 'yes'}"}, "spec.hostNetwork: must be true or false"),
        ({"mine/etcd.yaml": "kind: Service"}, "what comes out is no Pod of v1"),
        ({"mine/etcd+json.yaml": "[{op: remove, path: /spec/nothing}]"}, "remove /spec/nothing"),
        ({"mine/etcd+json.yaml": "[{op: test, path: /kind, value: Service}]"}, "test /kind"),
        ({"mine/etcd+json.yaml": "{op: remove, path: /spec}"}, "the json patch does not fit"),
        ({"mine/kubeletconfiguration.yaml": "maxPod: 5"}, "unknown field `maxPod` (did you mean `maxPods`?)"),
        ({"mine/etcd.yaml": "a: 1\na: 2"}, "`a` stands twice"),
        ({"mine/etcd.json": "[" * 5000 + "]" * 5000}, "nested too deeply"),
        ({"mine/etcd+json.json": '[{"op": "add", "path": "/spec/priority", "value": 1e999}]'}, "`inf` is no number of JSON"),
        ({"mine/etcd.yaml": "spec: {<<: {hostPID: true}}"}, "merges (`<<`) are not read"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_and_reason(
    beside: Callable[..., Cluster], files: dict[str, str], said: str
) -> None:
    """Before anything is done, at the Inventory's line that brings the file; the same mistake of several nodes once."""
    found = refused(beside, files)

    assert len(found) == 1
    assert said in found[0]
    assert next(iter(files)) in found[0]


def test_mistakes_of_several_files_are_told_at_once(beside: Callable[..., Cluster]) -> None:
    """One line for each."""
    found = refused(beside, {f"mine/{name}.yaml": "kind: a" for name in ("etcd", "kube-scheduler", "kube-apiserver")})

    assert len(found) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("mine}", "other}"), "`other` is no directory beside this file"),
        (("mine}", ".}"), "`.` holds this file itself"),
        (("/etc/kubernetes/patches: mine", "/srv/patches: mine"), "neither InitConfiguration nor JoinConfiguration has"),
        (("patches: {/etc/kubernetes/patches: mine}\n", ""), "nothing brings patches to `/etc/kubernetes/patches`"),
        (("patches: {directory: /etc/kubernetes/patches}", "patches: {folder: a}"), "unknown field `folder`"),
    ],
)  # fmt: skip
def test_directories_that_do_not_meet(beside: Callable[..., Cluster], change: tuple[str, str], said: str) -> None:
    """What kubeadm's documents name has to be brought, and what is brought has to be named."""
    assert any(said in message for message in refused(beside, {}, TEXT.replace(*change)))


def test_the_inventory_s_files_may_be_patches(beside: Callable[..., Cluster]) -> None:
    """Files that fall below the directory anyway; workers, which get no other files, get these."""
    text = TEXT.replace(
        "patches: {/etc/kubernetes/patches: mine}",
        "files: {/etc/kubernetes/patches/kubeletconfiguration.yaml: k.yaml, /etc/other: k.yaml}",
    )
    cluster = beside({"k.yaml": "maxPods: 7\n"}, text)

    for node in cluster.nodes:
        assert kubelet_start.written_configuration(cluster, node)["maxPods"] == 7
        laid = {s.path: s.content for s in CONFIGURE_COMPONENTS.steps(cluster, node) if isinstance(s, File)}
        assert laid[f"{DIRECTORY}/kubeletconfiguration.yaml"] == "maxPods: 7\n"
        assert ("/etc/other" in laid) == node.is_control_plane


def test_equal_files_give_an_equal_cluster(beside: Callable[..., Cluster]) -> None:
    """Nodes with patches can be compared, and stand in sets."""
    files = {"mine/etcd.yaml": "metadata: {labels: {a: b}}"}
    one, other = beside(files), beside(files)

    assert one == other
    assert len({*one.nodes, *other.nodes}) == 3
    assert beside({"mine/etcd.yaml": "metadata: {labels: {a: c}}"}) != one


def test_who_joins_may_have_other_patches(beside: Callable[..., Cluster]) -> None:
    """InitConfiguration's are for the first master, JoinConfiguration's for all others; one may have none."""
    init, join = (
        TEXT.replace("{directory: /etc/kubernetes/patches}", "{directory: /srv/a}", 1),
        "/etc/kubernetes/patches",
    )
    both = beside(
        {"mine/kubeletconfiguration.yaml": "maxPods: 1", "a/kubeletconfiguration.yaml": "maxPods: 2"},
        init.replace(f"patches: {{{join}: mine}}", f"patches: {{{join}: mine, /srv/a: a}}"),
    )
    alone = beside({}, TEXT.replace("patches: {directory: /etc/kubernetes/patches}\n", "", 1))

    assert [kubelet_start.written_configuration(both, node)["maxPods"] for node in both.nodes] == [2, 1, 1]
    assert [kubelet_start.written_configuration(alone, n).get("maxPods") for n in alone.nodes] == [None, 1, 1]


def test_where_patches_go(beside: Callable[..., Cluster]) -> None:
    """The files to every node, for root alone; what they say into manifests, the joining member of etcd among them."""
    cluster = beside(
        {
            "mine/etcd+json.yaml": "[{op: add, path: /spec/containers/0/command/-, value: --quota-backend-bytes=1}]",
            "mine/kube-scheduler.yaml": "spec: {containers: [{name: kube-scheduler, env: [{name: A, value: secret}]}]}",
            "mine/kubeletconfiguration.yaml": "healthzPort: 10999",
        }
    )
    _, second, worker = cluster.nodes
    laid = [s for s in CONFIGURE_COMPONENTS.steps(cluster, worker) if isinstance(s, File) and DIRECTORY in s.path]
    pods_of = {s.path: thaw(s.manifest) for s in control_plane.steps(cluster, second) if isinstance(s, StaticPod)}
    joins = next(s for s in ETCD_JOIN.steps(cluster, second) if isinstance(s, Command) and s.id == "etcd/local")

    assert [(step.path, step.mode) for step in laid] == [
        (f"{DIRECTORY}/{name}", 0o600)
        for name in ("etcd+json.yaml", "kube-scheduler.yaml", "kubeletconfiguration.yaml")
    ]
    container = pods_of["/etc/kubernetes/manifests/kube-scheduler.yaml"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "secret"}]
    assert "    - --quota-backend-bytes=1\n" in joins.script
    assert "    - --quota-backend-bytes=1\n" in joins.unless.script
    assert ":10999/healthz" in kubelet_start.healthz(cluster, worker).script


def test_files_that_kubeadm_passes_over_are_told(beside: Callable[..., Cluster]) -> None:
    """A misspelled target changes nothing; a target of a later minor lies there for the upgrade."""
    cluster = beside({"mine/kube-apisever.yaml": "a: b", "mine/corednsdeployment.yaml": "a: b"})
    said = [line for line in advice(cluster) if "is no patch" in line]

    assert [line.split(" ")[0] for line in said] == [
        f"{DIRECTORY}/corednsdeployment.yaml",
        f"{DIRECTORY}/kube-apisever.yaml",
    ]
    assert f"{DIRECTORY}/corednsdeployment.yaml" in dict(cluster.nodes[0].patches.files)


POD = Kind("Pod", pods.types(release("v1.30.4").features)["Pod"])


def a_pod() -> dict[str, Any]:
    """Something to patch."""
    return {
        "metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x/a", "x/b", "x/c"]},
        "spec": {
            "containers": [
                {"name": "c", "command": ["run", "--a"], "env": [{"name": "A", "value": "1"}, {"name": "B"}]},
                {"name": "d"},
            ],
            "volumes": [{"name": "v", "hostPath": {"path": "/v", "type": "File"}}, {"name": "w", "emptyDir": {}}],
            "tolerations": [{"key": "a"}],
        },
    }


def patched(patch: dict[str, Any]) -> dict[str, Any]:
    """Only what is left of the parts that a patch is about."""
    return merge(a_pod(), patch, POD)


def test_maps_are_merged_and_nothing_takes_away() -> None:
    """As in a merge patch."""
    assert patched({"metadata": {"labels": {"a": None, "c": "3", "d": None}}})["metadata"]["labels"] == {
        "b": "2",
        "c": "3",
    }


def test_lists_without_a_key_are_replaced() -> None:
    """Such as a command, or tolerations."""
    found = patched({"spec": {"containers": [{"name": "c", "command": ["x"]}], "tolerations": [{"key": "b"}]}})[
        "spec"
    ]

    assert found["containers"][0]["command"] == ["x"]
    assert found["tolerations"] == [{"key": "b"}]


def test_lists_with_a_key_are_merged_by_it() -> None:
    """New items come first, and those of the patch keep its order as far as the others' own order allows."""
    found = patched(
        {"spec": {"containers": [{"name": "c", "env": [{"name": "N", "value": "n"}, {"name": "B", "value": "b"}]}]}}
    )["spec"]["containers"]

    assert [one["name"] for one in found] == ["c", "d"]
    assert found[0]["env"] == [{"name": "N", "value": "n"}, {"name": "A", "value": "1"}, {"name": "B", "value": "b"}]


def test_items_and_lists_can_be_deleted_and_replaced() -> None:
    """$patch of an item, of the list through an item of its own, and of a map."""
    item = patched({"spec": {"volumes": [{"name": "v", "$patch": "delete"}]}})["spec"]["volumes"]
    whole = patched({"spec": {"volumes": [{"$patch": "replace"}, {"name": "n", "emptyDir": {}}]}})["spec"]["volumes"]
    mapped = patched({"metadata": {"labels": {"$patch": "replace", "z": "9"}}})["metadata"]["labels"]
    emptied = patched({"metadata": {"labels": {"$patch": "delete"}}})["metadata"]["labels"]

    assert item == [{"name": "w", "emptyDir": {}}]
    assert whole == [{"name": "n", "emptyDir": {}}]
    assert (mapped, emptied) == ({"z": "9"}, {})


def test_retained_keys_are_all_that_stays() -> None:
    """A volume that changes its kind."""
    volume = {"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}

    assert patched({"spec": {"volumes": [volume]}})["spec"]["volumes"][0] == {"name": "v", "emptyDir": {}}


def test_lists_of_words_are_united_and_cut() -> None:
    """finalizers is the only such list; $deleteFromPrimitiveList cuts any."""
    more = patched({"metadata": {"finalizers": ["x/d", "x/a"]}})["metadata"]["finalizers"]
    less = patched({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/b", "x/z"]}})["metadata"]["finalizers"]

    assert sorted(more) == ["x/a", "x/b", "x/c", "x/d"]
    assert less == ["x/a", "x/c"]


def test_the_order_can_be_said() -> None:
    """$setElementOrder, with the list or without it."""
    order = {"$setElementOrder/containers": [{"name": "d"}, {"name": "c"}]}
    alone = patched({"spec": order})["spec"]["containers"]
    both = patched({"spec": {**order, "containers": [{"name": "c", "image": "i"}]}})["spec"]["containers"]

    assert [one["name"] for one in alone] == ["d", "c"]
    assert [(one["name"], one.get("image")) for one in both] == [("d", None), ("c", "i")]


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"containers": [{"image": "a"}]}},
        {"spec": {"containers": ["c"]}},
        {"spec": {"containers": [{"name": "c", "$patch": "merge"}]}},
        {"spec": {"$patch": "merge"}},
        {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]}},
        {"spec": {"volumes": [{"name": "v", "$retainKeys": "name"}]}},
        {"spec": {"$setElementOrder/containers": [{"name": "d"}], "containers": [{"name": "c"}]}},
        {"spec": {"$setElementOrder/nowhere": []}},
        {"spec": {"$deleteFromPrimitiveList/containers": ["c"]}},
        {"metadata": {"finalizers": ["a", 1]}},
        {"metadata": {"finalizers": ["a"], "$deleteFromPrimitiveList/finalizers": ["x/a"]}},
    ],
)
def test_what_does_not_fit(patch: dict[str, Any]) -> None:
    """apimachinery refuses each of them but the last, where its outcome changes from run to run."""
    with pytest.raises(Unfit):
        patched(patch)


def test_a_bundle_has_the_images_of_patches(beside: Callable[..., Cluster]) -> None:
    """A patch may change an image or add a container; masters get those of their static pods, everybody those of add-ons."""
    add = '[{"op": "replace", "path": "/spec/containers/0/image", "value": "mirror.example.com/etcd:mine"}]'
    log = "spec: {containers: [{name: audit, image: mirror.example.com/audit:1}]}"
    dns = "spec: {template: {spec: {containers: [{name: coredns, image: mirror.example.com/dns:2}]}}}"
    files = {"mine/etcd+json.yaml": add, "mine/kube-apiserver.yaml": log, "mine/corednsdeployment.yaml": dns}
    cluster = beside(files, TEXT.replace("v1beta3", "v1beta4").replace("v1.30.4", "v1.32.2"))

    def of(node: Node) -> set[str]:
        names = {str(name) for name in images_of(cluster, node)}
        return {name.removeprefix("mirror.example.com/") for name in names if "example.com" in name}

    assert of(cluster.nodes[0]) == of(cluster.nodes[1]) == {"etcd:mine", "audit:1", "dns:2"}
    assert of(cluster.nodes[2]) == {"dns:2"}


@pytest.mark.parametrize("place", ["/spec/containers/0/command/-", "/metadata/nowhere/x", "/kind"])
def test_a_failed_test_does_not_show_the_manifest(beside: Callable[..., Cluster], place: str) -> None:
    """What the operation says, and not all that stands in its neighbourhood."""
    operation = f'[{{"op": "test", "path": "{place}", "value": 1}}]'

    (problem,) = refused(beside, {"mine/etcd+json.json": operation})
    assert problem.endswith(f"does not fit: test {place}: something else is there, or nothing")


def test_a_document_that_cannot_be_read_may_name_the_directory(beside: Callable[..., Cluster]) -> None:
    """One mistake is one problem: the patches are not said to be nobody's."""
    text = TEXT.replace("patches: {directory", "nodeRegistration: {taints: 5}\npatches: {directory")

    assert refused(beside, {"mine/etcd.yaml": "spec: {}"}, text) == ["must be a list, not `5`"] * 2
