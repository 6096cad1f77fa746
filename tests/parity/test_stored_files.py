"""Deviations in what only a join leaves on a node are found, each at its file and field."""

import re
from collections.abc import Callable

import pytest
from living import living

from hardway.parity.compare import compare
from hardway.parity.normalise import describe
from hardway.parity.stored.sides import BOOTSTRAP, WHILE_JOINING
from hardway.parity.values import Fields
from hardway.renderers.files import Tree, file

pytestmark = pytest.mark.parity

ETC, PKI = "/etc/kubernetes", "/var/lib/kubelet/pki"
CONF, ETCD = f"{ETC}/{WHILE_JOINING}/{BOOTSTRAP}", f"{ETC}/manifests/etcd.yaml"
PEM, CURRENT = f"{PKI}/kubelet-client-(time).pem", f"{PKI}/kubelet-client-current.pem"
FOLDERS = (ETC, "/var/lib/kubelet")
Edit = Callable[[bytes], bytes]


def put(old: bytes, new: bytes) -> Edit:
    """One pattern for another text."""

    def edit(content: bytes) -> bytes:
        assert re.search(old, content)
        return re.sub(old, new, content)

    return edit


CASES: dict[str, tuple[str, Edit, str]] = {
    "server of the bootstrap": (
        CONF,
        put(rb"server: \S+", b"server: https://x:1"),
        "clusters[stored].cluster.server",
    ),
    "no bootstrap token": (CONF, put(rb"token: \S+", b"token: x"), "users[tls-bootstrap-token-user].user.token"),
    "another CA": (CONF, put(rb"authority-data: \S+", b"authority-data: eA=="), "certificate-authority-data"),
    "members of etcd": (ETCD, put(rb"initial-cluster=\S+", b"initial-cluster=x"), "flags.initial-cluster"),
    "a cluster of its own": (
        ETCD,
        put(b"cluster-state=existing", b"cluster-state=new"),
        "flags.initial-cluster-state",
    ),
    "a key that does not fit": (
        PEM,
        lambda content: (
            content[: content.index(b"-----BEGIN EC")]
            + living()
            .kubeadm.files[living().cluster.control_planes[1].name]
            .tree[PEM]
            .content.partition(b"E-----\n")[2]
        ),
        "private.pair",
    ),
    "a link elsewhere": (CURRENT, lambda content: b"/x", "file.target"),
    "identity of the kubelet": (f"{ETC}/kubelet.conf", put(rb"client-key: \S+", b"client-key: /x"), "client-key"),
}


def described(tree: Tree) -> dict[str, Fields]:
    """The second master's files."""
    return describe(tree, living().ours.files[second()].around, {}, FOLDERS)


def second() -> str:
    """Name of the master that joins."""
    return living().cluster.control_planes[1].name


@pytest.mark.parametrize("case", CASES)
def test_the_change_is_found(case: str) -> None:
    """One change of a file, and no other field is blamed."""
    path, edit, field = CASES[case]
    tree = dict(living().ours.files[second()].tree)
    entry = tree[path]
    tree[path] = type(entry)(entry.kind, entry.mode, entry.owner, edit(entry.content))
    differences = compare(described(tree), described(living().ours.files[second()].tree))

    assert {difference.item for difference in differences} == {path}
    assert any(field in difference.field for difference in differences), differences


def test_no_token_is_told() -> None:
    """What is compared in words holds no secret."""
    content = living().ours.files[second()].tree[CONF].content
    token = re.search(rb"[a-z0-9]{6}\.([a-z0-9]{16})", content)

    assert token
    assert token[1].decode() not in str(described({CONF: file(content)}))
