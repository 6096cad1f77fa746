"""Every kind of deviation is found: a check that cannot fail is a defect. Each case changes one thing of our own files."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
import yaml
from certificates_again import issue_again
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from sides import ours

from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT, compare
from hardway.parity.normalise import describe
from hardway.renderers.files import Entry, Kind, Tree, contents, file

pytestmark = pytest.mark.parity

ETC = "/etc/kubernetes"
PKI = f"{ETC}/pki"
APISERVER = f"{PKI}/apiserver.crt"
FOLDERS = (ETC, "/var/lib/kubelet", "/var/lib/etcd")
Change = Callable[[Tree], Mapping[str, Entry | None]]


def described(tree: Tree) -> dict[str, dict[str, str]]:
    """The files of the first master in words."""
    made = ours("lab").files
    return describe(tree, Surroundings(contents(tree), made.begun, made.ended), {}, FOLDERS)


def found(change: Change) -> set[tuple[str, str]]:
    """Items and fields that differ after the change."""
    tree = dict(ours("lab").files.tree)
    for path, entry in change(tree).items():
        if entry is None:
            del tree[path]
        else:
            tree[path] = entry
    return {(d.item, d.field) for d in compare(described(tree), unchanged())}


@cache
def unchanged() -> dict[str, dict[str, str]]:
    """Our files as they are."""
    return described(ours("lab").files.tree)


def with_text(path: str, old: str, new: str) -> Change:
    """The file with other words in it."""

    def change(tree: Tree) -> Mapping[str, Entry]:
        text = tree[path].content.decode()
        assert old in text
        return {path: replace(tree[path], content=text.replace(old, new).encode())}

    return change


def with_entry(path: str, **fields: object) -> Change:
    """The entry with another mode, owner or content."""
    return lambda tree: {path: replace(tree[path], **fields)}  # type: ignore[arg-type]


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: serialization.PrivateFormat = serialization.PrivateFormat.TraditionalOpenSSL,
) -> bytes:
    """The key as PEM."""
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def rewritten(tree: Tree) -> Mapping[str, Entry]:
    """The same key as PKCS#8."""
    key = serialization.load_pem_private_key(tree[f"{PKI}/apiserver.key"].content, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return {f"{PKI}/apiserver.key": file(pem(key, serialization.PrivateFormat.PKCS8), 0o600)}


def broken(tree: Tree) -> Mapping[str, Entry]:
    """A key whose public half is right and whose private half is another one's."""
    key = serialization.load_pem_private_key(tree[f"{PKI}/apiserver.key"].content, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    whole, other = key.private_numbers(), OTHER.private_numbers()
    mixed = rsa.RSAPrivateNumbers(
        whole.p, whole.q, other.d, other.dmp1, other.dmq1, other.iqmp, whole.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    return {f"{PKI}/apiserver.key": file(pem(mixed), 0o600)}


def with_key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Change:
    """The API server's certificate and key over another key."""

    def change(tree: Tree) -> Mapping[str, Entry]:
        again = issue_again(tree, APISERVER, key=key)
        return {APISERVER: file(again), f"{PKI}/apiserver.key": file(pem(key), 0o600)}

    return change


def again(path: str = APISERVER, **changes: object) -> Change:
    """The certificate issued again with one thing changed."""
    return lambda tree: {path: file(issue_again(tree, path, **changes))}  # type: ignore[arg-type]


def embedded(tree: Tree) -> Mapping[str, Entry]:
    """admin.conf with the API server's certificate in it."""
    value = yaml.safe_load(tree[f"{ETC}/admin.conf"].content)
    value["users"][0]["user"]["client-certificate-data"] = base64.b64encode(tree[APISERVER].content).decode()
    return {f"{ETC}/admin.conf": file(yaml.safe_dump(value), 0o600)}


def another_ca(tree: Tree) -> Mapping[str, Entry]:
    """admin.conf that trusts etcd's CA."""
    value = yaml.safe_load(tree[f"{ETC}/admin.conf"].content)
    ca = base64.b64encode(tree[f"{PKI}/etcd/ca.crt"].content).decode()
    value["clusters"][0]["cluster"]["certificate-authority-data"] = ca
    return {f"{ETC}/admin.conf": file(yaml.safe_dump(value), 0o600)}


def swapped_flags(tree: Tree) -> Mapping[str, Entry]:
    """The scheduler's flags in another order."""
    path = f"{ETC}/manifests/kube-scheduler.yaml"
    value = yaml.safe_load(tree[path].content)
    command = value["spec"]["containers"][0]["command"]
    command[1], command[2] = command[2], command[1]
    return {path: file(yaml.safe_dump(value), 0o600)}


def usage(**changes: bool) -> x509.KeyUsage:
    """A leaf's key usage with something else in it."""
    names = ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    values = {"digital_signature": True, "key_encipherment": True, "encipher_only": False, "decipher_only": False}
    return x509.KeyUsage(**{**dict.fromkeys(names, False), **values, **changes})


def names(*values: str) -> x509.Name:
    """A subject of organisations and common names, `O=...` and `CN=...`."""
    oids = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
    return x509.Name([x509.NameAttribute(oids[v.split("=")[0]], v.split("=")[1]) for v in values])


OTHER = rsa.generate_private_key(65537, 2048)
ADMIN = "users[kubernetes-admin].client-certificate-data"
SCHEDULER = f"{ETC}/manifests/kube-scheduler.yaml"
COMMAND = "containers[kube-scheduler].command"
CONTAINER = "spec.containers[kube-scheduler]"
CONFIG, FLAGS = "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"
SAN = x509.SubjectAlternativeName

CASES: dict[str, tuple[Change, str, str]] = {
    "a file is missing": (lambda tree: {f"{PKI}/sa.pub": None}, f"{PKI}/sa.pub", "item"),
    "a file too many": (lambda tree: {f"{PKI}/ca.srl": file("1")}, f"{PKI}/ca.srl", "item"),
    "a directory too many": (lambda tree: {f"{ETC}/x": Entry(Kind.DIRECTORY, 0o755)}, f"{ETC}/x", "item"),
    "mode of a file": (with_entry(f"{PKI}/ca.key", mode=0o644), f"{PKI}/ca.key", "file.mode"),
    "mode of a directory": (with_entry("/var/lib/etcd", mode=0o755), "/var/lib/etcd", "file.mode"),
    "owner": (with_entry(APISERVER, owner="daemon:root"), APISERVER, "file.owner"),
    "a link for a file": (
        lambda tree: {APISERVER: Entry(Kind.LINK, 0o777, content=b"other.crt")},
        APISERVER,
        "file.kind",
    ),
    "common name": (again(subject=names("CN=other")), APISERVER, "subject"),
    "order of the subject": (again(subject=names("CN=kube-apiserver", "O=x")), APISERVER, "subject"),
    "a SAN is missing": (again(fewer_names=True), APISERVER, "SubjectAlternativeName"),
    "order of the SANs": (again(reversed_names=True), APISERVER, "SubjectAlternativeName"),
    "a critical SAN": (again(critical={SAN: True}), APISERVER, "SubjectAlternativeName.critical"),
    "key usage": (again(extensions={x509.KeyUsage: usage(data_encipherment=True)}), APISERVER, "KeyUsage"),
    "criticality": (again(critical={x509.KeyUsage: False}), APISERVER, "KeyUsage.critical"),
    "extended key usage": (
        again(extensions={x509.ExtendedKeyUsage: x509.ExtendedKeyUsage([x509.OID_CLIENT_AUTH])}),
        APISERVER,
        "ExtendedKeyUsage",
    ),
    "a CA for a leaf": (
        again(extensions={x509.BasicConstraints: x509.BasicConstraints(ca=True, path_length=None)}),
        APISERVER,
        "BasicConstraints",
    ),
    "path length": (
        again(f"{PKI}/ca.crt", extensions={x509.BasicConstraints: x509.BasicConstraints(ca=True, path_length=0)}),
        f"{PKI}/ca.crt",
        "BasicConstraints",
    ),
    "no authority key identifier": (
        again(extensions={x509.AuthorityKeyIdentifier: None}),
        APISERVER,
        "AuthorityKeyIdentifier",
    ),
    "wrong authority key identifier": (
        again(extensions={x509.AuthorityKeyIdentifier: x509.AuthorityKeyIdentifier(b"12345678", None, None)}),
        APISERVER,
        "AuthorityKeyIdentifier",
    ),
    "a subject key identifier": (
        again(extensions={x509.SubjectKeyIdentifier: x509.SubjectKeyIdentifier(b"12345678")}),
        APISERVER,
        "SubjectKeyIdentifier",
    ),
    "order of extensions": (again(reversed_extensions=True), APISERVER, "extensions"),
    "lives a day longer": (again(later=timedelta(days=1)), APISERVER, "ends"),
    "lives a minute longer": (again(later=timedelta(minutes=1)), APISERVER, "ends"),
    "begins later than its CA": (again(begins=timedelta(seconds=1)), APISERVER, "begins"),
    "a CA begins at its issue": (
        again(f"{PKI}/front-proxy-ca.crt", begins=timedelta(minutes=5)),
        f"{PKI}/front-proxy-ca.crt",
        "begins",
    ),
    "signed by another CA": (again(signer=f"{PKI}/etcd/ca"), APISERVER, "signer"),
    "signed by nobody known": (again(stranger=OTHER), APISERVER, "signer"),
    "another hash": (again(algorithm=hashes.SHA384()), APISERVER, "signature"),
    "a serial of 64 bits and more": (again(serial=2**100), APISERVER, "serial"),
    "a larger key": (with_key(rsa.generate_private_key(65537, 3072)), APISERVER, "key"),
    "an elliptic curve": (with_key(ec.generate_private_key(ec.SECP256R1())), APISERVER, "key"),
    "another key": (
        lambda tree: {f"{PKI}/apiserver.key": file(pem(OTHER), 0o600)},
        f"{PKI}/apiserver.key",
        "pair",
    ),
    "another public key": (
        lambda tree: {f"{PKI}/sa.key": file(pem(OTHER), 0o600)},
        f"{PKI}/sa.pub",
        "pair",
    ),
    "a broken key": (broken, f"{PKI}/apiserver.key", "key"),
    "PKCS#8": (rewritten, f"{PKI}/apiserver.key", "pem"),
    "text before the certificate": (
        lambda tree: {APISERVER: file(b"Certificate:\n" + tree[APISERVER].content)},
        APISERVER,
        "pem",
    ),
    "two certificates": (lambda tree: {APISERVER: file(tree[APISERVER].content * 2)}, APISERVER, "pem"),
    "an empty certificate": (lambda tree: {APISERVER: file(b"")}, APISERVER, "certificate"),
    "server of a kubeconfig": (
        with_text(f"{ETC}/scheduler.conf", "10.30.0.11:6443", "127.0.0.1:6443"),
        f"{ETC}/scheduler.conf",
        "clusters[my-first-cluster].cluster.server",
    ),
    "user of a kubeconfig": (
        with_text(f"{ETC}/admin.conf", "user: kubernetes-admin", "user: admin"),
        f"{ETC}/admin.conf",
        "contexts[kubernetes-admin@my-first-cluster].context.user",
    ),
    "current context": (
        with_text(f"{ETC}/admin.conf", "current-context: kubernetes-admin@my-first-cluster", "current-context: x"),
        f"{ETC}/admin.conf",
        "current-context",
    ),
    "certificate of a kubeconfig": (embedded, f"{ETC}/admin.conf", f"{ADMIN}.subject"),
    "key of a kubeconfig": (embedded, f"{ETC}/admin.conf", "users[kubernetes-admin].client-key-data.pair"),
    "CA of a kubeconfig": (
        another_ca,
        f"{ETC}/admin.conf",
        "clusters[my-first-cluster].certificate-authority-data",
    ),
    "a flag's value": (
        with_text(SCHEDULER, "--leader-elect=true", "--leader-elect=false"),
        SCHEDULER,
        f"{COMMAND}.flags.leader-elect",
    ),
    "a flag is missing": (
        with_text(SCHEDULER, "    - --leader-elect=true\n", ""),
        SCHEDULER,
        f"{COMMAND}.flags.leader-elect",
    ),
    "a flag twice": (
        with_text(SCHEDULER, "    - --leader-elect=true\n", "    - --leader-elect=true\n" * 2),
        SCHEDULER,
        f"{COMMAND}.flags.leader-elect",
    ),
    "order of flags": (swapped_flags, SCHEDULER, f"{COMMAND}.order"),
    "program": (with_text(SCHEDULER, "- kube-scheduler\n", "- /kube-scheduler\n"), SCHEDULER, f"{COMMAND}.words"),
    "image": (with_text(SCHEDULER, ":v1.30.4", ":v1.30.3"), SCHEDULER, f"{CONTAINER}.image"),
    "probe": (
        with_text(SCHEDULER, "failureThreshold: 8", "failureThreshold: 9"),
        SCHEDULER,
        f"{CONTAINER}.livenessProbe.failureThreshold",
    ),
    "volume": (
        with_text(SCHEDULER, "path: /etc/kubernetes/scheduler.conf", "path: /etc/kubernetes/admin.conf"),
        SCHEDULER,
        "spec.volumes[kubeconfig].hostPath.path",
    ),
    "label": (
        with_text(SCHEDULER, "tier: control-plane", "tier: x"),
        SCHEDULER,
        "metadata.labels.tier",
    ),
    "kubelet configuration": (
        with_text(CONFIG, "rotateCertificates: true", "rotateCertificates: false"),
        CONFIG,
        "rotateCertificates",
    ),
    "type of a value": (
        with_text(CONFIG, "rotateCertificates: true", 'rotateCertificates: "true"'),
        CONFIG,
        "rotateCertificates",
    ),
    "a field is missing": (with_text(CONFIG, "rotateCertificates: true\n", ""), CONFIG, "rotateCertificates"),
    "not YAML": (lambda tree: {CONFIG: file("{")}, CONFIG, "document"),
    "kubelet flag": (
        with_text(FLAGS, "pause:3.9", "pause:3.8"),
        FLAGS,
        "KUBELET_KUBEADM_ARGS.flags.pod-infra-container-image",
    ),
    "another variable": (with_text(FLAGS, "KUBELET_KUBEADM_ARGS=", "KUBELET_ARGS="), FLAGS, "KUBELET_ARGS.order"),
    "no newline at the end": (with_text(FLAGS, "\n", ""), FLAGS, "end"),
}


def test_unchanged_files_have_no_difference() -> None:
    """The cases below start from nothing."""
    assert found(lambda tree: {}) == set()


@pytest.mark.parametrize("case", CASES)
def test_the_change_is_found(case: str) -> None:
    """One change, found at its item and field."""
    change, item, field = CASES[case]

    assert (item, field) in found(change)


def test_a_difference_names_both_sides() -> None:
    """What people read: the item, the field, and what each side has."""
    assert [str(d) for d in compare({"x": {"a": "1", "b": "2"}}, {"x": {"a": "3", "c": "4"}, "y": {}})] == [
        "x: a: ours 1, kubeadm's 3",
        f"x: b: ours 2, kubeadm's {ABSENT}",
        f"x: c: ours {ABSENT}, kubeadm's 4",
        f"y: item: ours {ABSENT}, kubeadm's present",
    ]


def test_no_secret_is_in_the_words() -> None:
    """Descriptions can be printed: no key and no token is in them."""
    texts = " ".join(v for fields in described(ours("lab").files.tree).values() for v in fields.values())
    for content in contents(ours("lab").files.tree).values():
        if b"PRIVATE KEY" in content:
            assert content.splitlines()[1].decode() not in texts
    assert "PRIVATE KEY-----" not in texts
