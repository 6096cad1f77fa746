"""Deviations in API objects are found, and what only the server or chance decides is none."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from sides import ours

from hardway.model import BootstrapToken
from hardway.parity import objects, sealed, shared
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import compare
from hardway.parity.dry_run import Action, parse
from hardway.parity.made import Call
from hardway.renderers.files import contents

pytestmark = pytest.mark.parity

NODE = "Node master-1.my-first-cluster.example.com"
JOIN = "Secret kube-system/bootstrap-token-(to join)"
Edit = Callable[[str], str]


def around() -> Surroundings:
    """The files of the first master, and the time of the requests."""
    made = ours("lab")
    return Surroundings(contents(made.files.tree), made.requests.begun, made.requests.ended)


def described(calls: tuple[Call, ...]) -> dict[str, dict[str, str]]:
    """What the requests leave, in words."""
    return dict(objects.of_requests(replace(ours("lab").requests, calls=calls), around()).fields)


def found(chapter: str, edit: Edit) -> set[tuple[str, str]]:
    """Items and fields that differ when the requests of a chapter are edited, arguments and text alike."""
    calls = ours("lab").requests.calls
    edited = tuple(
        Call(c.chapter, tuple(edit(word) for word in c.argv), edit(c.text)) if c.chapter == chapter else c
        for c in calls
    )
    assert edited != calls
    return {(d.item, d.field) for d in compare(described(edited), described(calls))}


def put(old: str, new: str) -> Edit:
    """One text for another."""
    return lambda text: text.replace(old, new)


CASES: dict[str, tuple[str, Edit, str, str]] = {
    "verb of a role": (
        "upload-config",
        lambda text: re.sub(r"verbs:\n( *)- get", r"verbs:\n\1- list", text),
        "Role kube-system/kubeadm:kubelet-config",
        "rules[0].verbs[0]",
    ),
    "subject": (
        "bootstrap-token",
        put("name: system:anonymous", "name: system:authenticated"),
        "RoleBinding kube-public/kubeadm:bootstrap-signer-clusterinfo",
        "subjects[system:authenticated].name",
    ),
    "role of a binding": (
        "bootstrap-token",
        put("name: system:node-bootstrapper", "name: cluster-admin"),
        "ClusterRoleBinding kubeadm:kubelet-bootstrap",
        "roleRef.name",
    ),
    "name of an object": (
        "upload-config",
        put("name: kubelet-config", "name: kubelet"),
        "ConfigMap kube-system/kubelet-config",
        "item",
    ),
    "a document in a ConfigMap": (
        "upload-config",
        put("clusterName: my-first-cluster", "clusterName: x"),
        "ConfigMap kube-system/kubeadm-config",
        "data.ClusterConfiguration.clusterName",
    ),
    "type of a value in a document": (
        "upload-config",
        put("serverTLSBootstrap: true", 'serverTLSBootstrap: "true"'),
        "ConfigMap kube-system/kubelet-config",
        "data.kubelet.serverTLSBootstrap",
    ),
    "text of a document": (
        "addon/coredns",
        put("max_concurrent 1000", "max_concurrent 999"),
        "ConfigMap kube-system/coredns",
        "data.Corefile.text",
    ),
    "CA in cluster-info": (
        "bootstrap-token",
        lambda text: re.sub(
            "certificate-authority-data: .*", f"certificate-authority-data: {base64.b64encode(b'x').decode()}", text
        ),
        "ConfigMap kube-public/cluster-info",
        "data.kubeconfig.text",
    ),
    "image of an add-on": (
        "addon/coredns",
        put("coredns:v1.11.1", "coredns:v1.11.2"),
        "Deployment kube-system/coredns",
        "spec.template.spec.containers[coredns].image",
    ),
    "address of the DNS": (
        "addon/coredns",
        put("clusterIP: 10.96.0.10", "clusterIP: 10.96.0.11"),
        "Service kube-system/kube-dns",
        "spec.clusterIP",
    ),
    "group of a token": (
        "bootstrap-token",
        put("auth-extra-groups: system:bootstrappers:kubeadm", "auth-extra-groups: system:bootstrappers:x"),
        JOIN,
        "data.auth-extra-groups",
    ),
    "usage of a token": (
        "bootstrap-token",
        put("usage-bootstrap-signing", "usage-bootstrap-x"),
        JOIN,
        "data.usage-bootstrap-signing",
    ),
    "form of the expiration": (
        "bootstrap-token",
        lambda text: re.sub(r"(expiration: .*)Z", r"\1+00:00", text),
        JOIN,
        "data.expiration",
    ),
    "time of the expiration": (
        "upload-certs",
        lambda text: re.sub(r"expiration: .*", 'expiration: "2001-02-03T04:05:06Z"', text),
        "Secret kube-system/bootstrap-token-(that owns kubeadm-certs)",
        "data.expiration",
    ),
    "secret of a token": (
        "bootstrap-token",
        lambda text: re.sub("token-secret: .*", "token-secret: short", text),
        JOIN,
        "data.token-secret",
    ),
    "type of a Secret": (
        "upload-certs",
        put('"Opaque"', '"x"'),
        "Secret kube-system/kubeadm-certs",
        "type",
    ),
    "owner of kubeadm-certs": (
        "upload-certs",
        put('"blockOwnerDeletion": true', '"blockOwnerDeletion": false'),
        "Secret kube-system/kubeadm-certs",
        "metadata.ownerReferences[bootstrap-token-ID].blockOwnerDeletion",
    ),
    "a file of kubeadm-certs": (
        "upload-certs",
        put('"sa.pub"', '"sa.public"'),
        "Secret kube-system/kubeadm-certs",
        "data.sa.pub",
    ),
    "label": (
        "mark-control-plane",
        put("node.kubernetes.io/exclude-from-external-load-balancers=", "x="),
        f"{NODE} labels",
        "node.kubernetes.io/exclude-from-external-load-balancers",
    ),
    "taint": (
        "mark-control-plane",
        put(":NoSchedule", ":NoExecute"),
        f"{NODE} taints",
        "node-role.kubernetes.io/control-plane:NoSchedule",
    ),
    "annotation": (
        "upload-config",
        put("cri-socket=unix:///var/run", "cri-socket=unix:///run"),
        f"{NODE} annotations",
        "kubeadm.alpha.kubernetes.io/cri-socket",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_change_is_found(case: str) -> None:
    """One change of what we ask for, found at its object and field."""
    chapter, edit, item, field = CASES[case]

    assert (item, field) in found(chapter, edit)


def test_taints_of_one_key_are_told_apart_by_their_effects() -> None:
    """The API keeps both; none of them hides the other."""
    first, second = ({"key": "a", "value": "x", "effect": effect} for effect in ("NoSchedule", "NoExecute"))
    both = objects.node_items("n", {"spec": {"taints": [first, second]}})

    assert both == {"Node n taints": {"a:NoSchedule": "x", "a:NoExecute": "x"}}
    for lost in ([first], [second], [first, {**second, "value": "y"}]):
        assert compare(objects.node_items("n", {"spec": {"taints": lost}}), both)


def test_a_request_that_is_left_out_is_found() -> None:
    """Every object of a request that is not made is missing."""
    calls = ours("lab").requests.calls
    for number, call in enumerate(calls):
        if call.text or {"label", "annotate", "taint"} & set(call.argv):
            rest = described(calls[:number] + calls[number + 1 :])
            # A token for each node: without one of them the others are still there.
            assert compare(rest, described(calls)) or "usage-bootstrap-signing" in call.text, call.argv


def test_what_chance_and_the_server_decide_is_no_difference() -> None:
    """Ids, secrets, times of creation, uids and defaulted fields do not count."""
    calls = tuple(
        replace(
            c,
            text=re.sub(r"token-secret: .*", 'token-secret: "0123456789abcdef"', c.text).replace(
                '"type": "Opaque", ', ""
            ),
        )
        for c in ours("lab").requests.calls
    )
    assert calls != ours("lab").requests.calls
    value = {"kind": "X", "metadata": {"name": "a", "uid": "1", "creationTimestamp": None}, "status": {}}
    same = {"kind": "X", "metadata": {"name": "a"}}

    assert objects.object_fields(value, around()) == objects.object_fields(same, around())
    assert compare(described(calls), described(ours("lab").requests.calls)) == ()


def test_one_token_that_differs_is_found() -> None:
    """Tokens go by their purpose; one of several that is not like the others shows up as an item of its own."""
    calls = ours("lab").requests.calls
    edited = tuple(
        replace(c, text=c.text.replace('usage-bootstrap-signing: "true"', 'usage-bootstrap-signing: "x"', 1))
        for c in calls
    )
    assert edited != calls

    assert {d.item for d in compare(described(edited), described(calls))} == {JOIN, f"{JOIN} (2)"}


CHOSEN = BootstrapToken("aaaaaa.0123456789abcdef", description="mine", ttl=5400)
SECRET = """\
apiVersion: v1
kind: Secret
type: bootstrap.kubernetes.io/token
metadata: {name: bootstrap-token-aaaaaa, namespace: kube-system}
stringData:
  auth-extra-groups: system:bootstrappers:a,system:bootstrappers:b
  description: mine
  expiration: "END"
  token-id: aaaaaa
  token-secret: 0123456789abcdef
  usage-bootstrap-authentication: "true"
"""
CHOSEN_ITEM = "Secret kube-system/bootstrap-token-aaaaaa"


def chosen(life: int, old: str = "", new: str = "") -> dict[str, dict[str, str]]:
    """A token of the user that lives so many seconds, with one text in place of another."""
    requests = ours("lab").requests
    end = (requests.begun + timedelta(seconds=life)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = SECRET.replace("END", end).replace(old, new)
    call = Call("bootstrap-token", ("create", "-f", "-"), text)
    here = replace(around(), tokens=(CHOSEN, BootstrapToken(ttl=2730, description="random")))
    return dict(objects.of_requests(replace(requests, calls=(call,)), here).fields)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("token-secret: 0123456789abcdef", "token-secret: fedcba9876543210", "data.token-secret"),
        ("description: mine", "description: Mine", "data.description"),
        ("token-id: aaaaaa", "token-id: bbbbbb", "data.token-id"),
        ("a,system:bootstrappers:b", "b,system:bootstrappers:a", "data.auth-extra-groups"),
        ("usage-bootstrap-authentication", "usage-bootstrap-signing", "data.usage-bootstrap-signing"),
        ("  description: mine\n", "", "data.description"),
    ],
)
def test_a_token_of_the_user_is_compared_field_by_field(old: str, new: str, field: str) -> None:
    """It goes by its id, and what the user has chosen is compared by value, its secret as a hash."""
    plain = chosen(5400)

    assert (CHOSEN_ITEM, field) in {(d.item, d.field) for d in compare(plain, chosen(5400, old, new))}
    assert not any("0123456789abcdef" in text for text in plain[CHOSEN_ITEM].values())


def test_the_life_of_a_token_is_counted_from_when_it_was_made() -> None:
    """A second more or less is none; a minute, and no end at all, are."""
    plain = chosen(5400)

    assert plain[CHOSEN_ITEM]["data.expiration"] == "1:30:00 after issue"
    assert compare(plain, chosen(5401)) == ()
    for life, old in ((5340, ""), (7200, ""), (5400, "  expiration: ")):
        other = chosen(life, old, "  other: " if old else "")
        assert (CHOSEN_ITEM, "data.expiration") in {(d.item, d.field) for d in compare(plain, other)}


def test_random_tokens_go_by_their_description() -> None:
    """Several on either side are told apart by what they are for."""
    named = chosen(2730, "aaaaaa", "bbbbbb")

    assert [(item, fields["data.expiration"]) for item, fields in named.items()] == [
        ("Secret kube-system/bootstrap-token-(mine)", "0:45:30 after issue")
    ]


def test_random_tokens_that_are_a_part_of_another_are_none_of_it() -> None:
    """Each Secret counts, whoever comes first; only what is applied to one Secret twice adds up."""
    requests = ours("lab").requests
    less = SECRET.replace("  description: mine\n", "").replace("aaaaaa", "bbbbbb")
    more = less.replace("bbbbbb", "cccccc") + '  usage-bootstrap-signing: "true"\n'

    def made(*texts: str) -> dict[str, dict[str, str]]:
        calls = tuple(Call("bootstrap-token", ("apply", "-f", "-"), text) for text in texts)
        return dict(objects.of_requests(replace(requests, calls=calls), around()).fields)

    def dry(*texts: str) -> dict[str, dict[str, str]]:
        actions = [Action("CREATE", "secrets", "", yaml.safe_load(text)) for text in texts]
        return dict(objects.of_actions(actions, around()).fields)

    assert list(made(more, less)) == list(made(less, more)) == [JOIN, f"{JOIN} (2)"]
    assert made(more, less) == dry(more, less)
    assert list(made(more, less, less.replace("bbbbbb", "cccccc"))) == [JOIN, f"{JOIN} (2)"]
    assert list(made(more, more.replace("cccccc", "dddddd"))) == [JOIN]


@pytest.mark.parametrize("verb", ["patch", "delete", "scale"])
def test_a_request_that_is_unknown_here_is_a_difference(verb: str) -> None:
    """What kubectl changes without carrying it along cannot pass unseen."""
    call = Call("bootstrap-token", ("--kubeconfig=a", "-n", "kube-system", verb, "ds", "kube-proxy"), "")

    assert [d.ours for d in compare(described((call,)), {})] == ["present"]


def test_what_is_sealed_is_opened() -> None:
    """kubeadm-certs holds the right files under the right names, and opens with the certificate key of the run only."""
    made = ours("lab")
    files, wanted = contents(made.files.tree), shared.transferred(made.cluster)
    swapped = tuple(
        replace(c, text=c.text.replace('"ca.key"', '"sa.key!"').replace('"sa.key"', '"ca.key"').replace("!", ""))
        for c in made.requests.calls
    )
    wrong = {d.field for d in sealed.differences(replace(made.requests, calls=swapped), files, wanted)}

    assert sealed.differences(made.requests, files, wanted) == ()
    assert wrong == {"data.ca.key.opened", "data.sa.key.opened"}
    assert len(sealed.differences(replace(made.requests, certificate_key="00" * 32), files, wanted)) == 8


DRY_RUN = """\
[certs] Generating "ca" certificate and key
[dryrun] Would perform action GET on resource "nodes" in API group "core/v1"
[dryrun] Resource name: "a"
[dryrun] Would perform action PATCH on resource "nodes" in API group "core/v1"
[dryrun] Resource name: "a"
[dryrun] Attached patch:
\t{"metadata":{"labels":{"x":""}}}
[kubelet] Creating a ConfigMap
[dryrun] Would perform action CREATE on resource "configmaps" in API group "core/v1"
[dryrun] Attached object:
\tdata:
\t  text: |
\t    first

\t    \tlast
\tkind: ConfigMap
[dryrun] Would perform action DELETE on resource "secrets" in API group "core/v1"
[dryrun] Resource name: "b"
"""


def test_the_dry_run_is_read_whole() -> None:
    """Changes with their objects and patches in order; questions are none."""
    text = DRY_RUN.replace("\n\n", "\n\t\n")

    assert parse(text) == [
        Action("PATCH", "nodes", "a", {"metadata": {"labels": {"x": ""}}}),
        Action("CREATE", "configmaps", "", {"data": {"text": "first\n\n\tlast\n"}, "kind": "ConfigMap"}),
        Action("DELETE", "secrets", "b", None),
    ]


def test_an_action_that_is_unknown_here_is_a_difference() -> None:
    """A verb that nobody expected cannot pass unseen."""
    described = objects.of_actions([Action("DELETE", "secrets", "b", None)], around())

    assert [d.item for d in compare({}, described.fields)] == ["DELETE secrets b"]
