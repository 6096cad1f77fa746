"""Ends and renewals of certificates against the real kubeadm, over the same files."""

import base64
import re
import subprocess
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from local_cluster import Machine, machines

from built import real_kubeadm
from hardway.chapters import check_expiration
from hardway.chapters.renew import Request, _renew
from hardway.cli import certs
from hardway.engine.certificates import Certificate
from hardway.engine.certificates import read as parse
from hardway.engine.certificates import requests as asked
from hardway.errors import Refused
from hardway.operations import expiration
from hardway.steps import Run, lower

pytestmark = pytest.mark.parity

CONFIGURATION = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
certificatesDir: /etc/kubernetes/pki
controlPlaneEndpoint: 127.77.0.1:7443
"""


APART = """\
mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/etc
mount --bind "$1" /mnt/etc
mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc
mkdir -p /etc/kubernetes && mount --bind /mnt/etc /etc/kubernetes
shift
exec "$@"
"""
"""kubeadm knows one place for kubeconfigs, /etc/kubernetes; here it is the machine's own directory."""


def kubeadm(machine: Machine, *words: str) -> str:
    """What the real kubeadm prints over the files of a machine."""
    file = machine.root / "kubeadm.yaml"
    file.write_text(CONFIGURATION)
    command = [str(real_kubeadm()), "certs", *words, f"--config={file}"]
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-euc", APART, "bash", machine.cluster.paths.kubernetes, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(machine: Machine) -> dict[str, Certificate]:
    """Our reading of a machine's certificates."""
    answer = machine.bash(expiration.reading(machine.cluster, machine.node))
    assert answer.returncode == 0, answer.stderr
    return {found.name: parse(found) for found in expiration.read(machine.node.name, answer.stdout)}


def requests(machine: Machine, names: set[str]) -> list[Request]:
    """What is renewed of what is there."""
    return list(asked(machine.cluster, machine.node, names, stored(machine).values()))


def renewed(listed: list[Request]) -> str:
    """The renewals of these as the node runs them, without question and restart."""
    return "".join(item.script for request in listed for item in lower(_renew(request)) if isinstance(item, Run))


def renew(machine: Machine, names: set[str]) -> None:
    """Our renewal without the restarts; its question says no before and yes afterwards."""
    listed = requests(machine, names)
    questions = {r.name: _renew(r).unless.script for r in listed}
    assert {name: bool(machine.ask(text)) for name, text in questions.items()} == dict.fromkeys(names, True)
    done = machine.bash(renewed(listed))
    assert done.returncode == 0, done.stderr
    assert {name: machine.ask(text) for name, text in questions.items()} == dict.fromkeys(names, "")


def fields(item: Certificate) -> list[object]:
    """What of a certificate is neither random nor a time."""
    parsed = item.parsed
    assert parsed is not None
    extensions = list(parsed.extensions)
    return [
        parsed.subject,
        parsed.issuer,
        parsed.not_valid_before_utc,
        parsed.signature_hash_algorithm.name,
        extensions,
    ]


@pytest.fixture
def first(tmp_path: Path) -> Machine:
    return machines(tmp_path)["master-1"]


def test_a_renewal_changes_key_and_end_alone(first: Machine) -> None:
    """Subject, issuer, names, usages and every other extension stay; key, serial and end are new; files stay 0600."""
    before = stored(first)
    names = {name for name, _ in expiration.renewable(first.cluster, first.node)}
    texts = {path: path.read_text() for path in Path(first.cluster.paths.kubernetes).glob("*.conf")}
    renew(first, names)
    after = stored(first)

    assert names == {name for name, item in before.items() if item.stored.authority}
    for name in names:
        old, new = before[name].parsed, after[name].parsed
        assert old is not None
        assert new is not None
        assert fields(before[name]) == fields(after[name]), name
        assert old.public_key() != new.public_key()
        assert old.serial_number != new.serial_number
        assert old.not_valid_after_utc <= new.not_valid_after_utc
    for name in ("ca", "etcd-ca", "front-proxy-ca"):
        assert before[name].stored.pem == after[name].stored.pem
    for path, text in texts.items():
        mask = re.compile(r"(client-(certificate|key)-data: ).*")
        assert mask.sub(r"\1", path.read_text()) == mask.sub(r"\1", text)
    modes = {path.stat().st_mode & 0o777 for path in texts} | {
        path.stat().st_mode & 0o777 for path in Path(first.cluster.paths.pki).rglob("*.key")
    }
    assert modes == {0o600}


def test_the_table_says_what_kubeadms_says(first: Machine) -> None:
    """Names in their order, ends to the minute, what is left, authorities, and who manages them."""
    lines = [re.split(r"  +", line.rstrip()) for line in kubeadm(first, "check-expiration").splitlines()]
    rows = [line for line in lines if len(line) in (4, 5) and "EXPIRES" not in line]
    now = datetime.now(UTC)
    ours = [
        [name, certs.end(item), certs.left(item, now), *filter(None, [item.stored.authority]), "no"]
        for name, item in stored(first).items()
    ]

    assert sorted(ours) == sorted(rows)
    assert [row[0] for row in ours if len(row) == 5] == [row[0] for row in rows if len(row) == 5]


def test_kubeadm_renews_to_the_same_fields(first: Machine) -> None:
    """What kubeadm makes of the same files has our fields, byte for byte but for key, serial and end."""
    names = {name for name, _ in expiration.renewable(first.cluster, first.node)}
    kubeadm(first, "renew", "all")
    theirs = stored(first)
    renew(first, names)
    ours = stored(first)

    assert {name: fields(ours[name]) for name in names} == {name: fields(theirs[name]) for name in names}
    for name in names:
        mine, other = ours[name].expires, theirs[name].expires
        assert mine is not None
        assert other is not None
        assert abs(mine - other) < timedelta(minutes=5)


def users(text: bytes) -> dict[str, dict[str, str]]:
    """The users of a kubeconfig."""
    return {entry["name"]: entry["user"] for entry in yaml.safe_load(text)["users"]}


def authorities(text: bytes) -> dict[str, str]:
    """The CAs of a kubeconfig's clusters."""
    return {
        entry["name"]: entry["cluster"]["certificate-authority-data"] for entry in yaml.safe_load(text)["clusters"]
    }


@pytest.mark.parametrize("written_by_kubeadm", [False, True])
@pytest.mark.parametrize(
    ("context", "user", "cluster"),
    [
        ("kubernetes-admin@local-cluster", "kubernetes-admin", "local-cluster"),
        ("zed@near", "zed", "near"),
    ],
)
def test_of_a_kubeconfig_the_user_of_the_current_context_is_renewed(
    context: str, user: str, cluster: str, written_by_kubeadm: bool, first: Machine
) -> None:
    """As by kubeadm: others' certificates and clusters stay, whether they stand before it or behind; the CA is today's."""
    pki, conf = first.cluster.paths.pki, Path(first.cluster.paths.kubernetes, "admin.conf")
    pair = (
        f"--client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--client-key={pki}/apiserver-kubelet-client.key",
    )
    for name in ("alice", "zed"):
        first.kubectl("config", "set-credentials", name, *pair, "--embed-certs")
    for name in ("near", "local-cluster"):
        old = (f"--certificate-authority={pki}/etcd/ca.crt", "--embed-certs")
        first.kubectl("config", "set-cluster", name, "--server=https://127.0.0.1:7443", *old)
    first.kubectl("config", "set-context", "zed@near", "--cluster=near", "--user=zed")
    first.kubectl("config", "use-context", context)
    if written_by_kubeadm:
        kubeadm(first, "renew", "admin.conf")
    before, subject = conf.read_bytes(), stored(first)["admin.conf"].parsed.subject
    kubeadm(first, "renew", "admin.conf")
    theirs = conf.read_bytes()
    conf.write_bytes(before)
    renew(first, {"admin.conf"})
    ours = conf.read_bytes()

    for after in (theirs, ours):
        assert {name for name, data in users(after).items() if data != users(before)[name]} == {user}
    assert authorities(ours) == authorities(theirs)
    assert authorities(ours)[cluster] == base64.b64encode(Path(pki, "ca.crt").read_bytes()).decode()
    masked = re.compile(rb"-data: .*")
    assert masked.sub(b"", ours) == masked.sub(b"", before) == masked.sub(b"", theirs)
    certificate = stored(first)["admin.conf"].parsed
    assert certificate.subject == subject
    assert (
        x509.load_pem_x509_certificate(base64.b64decode(users(ours)[user]["client-certificate-data"])) == certificate
    )
    key = serialization.load_pem_private_key(base64.b64decode(users(ours)[user]["client-key-data"]), None)
    assert key.public_key() == certificate.public_key()


def test_key_and_certificate_fit_after_a_renewal(first: Machine) -> None:
    """Our own questions about every certificate and kubeconfig are answered with yes."""
    names = {name for name, _ in expiration.renewable(first.cluster, first.node)}
    renew(first, names)
    answers = {check.name: first.ask(check.script) for check in check_expiration.checks(first.cluster, first.node)}
    about = Counter(name.partition(" to ")[0].removeprefix("certificate ") for name in answers)

    assert names >= {"admin.conf", "apiserver", "etcd-server"}
    # Whether it fits, and how long it lasts.
    assert {name: about[name] for name in names} == dict.fromkeys(names, 2)
    assert {name: why for name, why in answers.items() if why} == {}


def test_what_is_in_a_certificate_stays_though_the_request_is_another(first: Machine) -> None:
    """A name that somebody added to the API server's certificate survives its renewal, as with kubeadm."""
    (request,) = requests(first, {"apiserver"})
    wider = replace(request.fields, dns_names=(*request.fields.dns_names, "added.example.com"))
    assert first.bash(renewed([replace(request, fields=wider)])).returncode == 0
    renew(first, {"apiserver"})
    (again,) = requests(first, {"apiserver"})

    assert again.fields == replace(wider, dns_names=again.fields.dns_names)
    assert set(again.fields.dns_names) == set(wider.dns_names)


def test_nothing_is_renewed_without_the_key_of_its_ca(first: Machine) -> None:
    """An external CA: the listing says so, the text refuses, and the files stay."""
    listed = requests(first, {"apiserver"})
    Path(first.cluster.paths.pki, "ca.key").unlink()
    before = {path: path.read_bytes() for path in first.root.rglob("etc/**/*") if path.is_file()}
    found = stored(first)
    with pytest.raises(Refused, match="nothing was renewed"):
        requests(first, {"apiserver"})
    done = first.bash(renewed(listed))

    assert {name for name, item in found.items() if item.stored.external} >= {"apiserver", "ca", "admin.conf"}
    assert not found["etcd-server"].stored.external
    assert done.returncode == 1
    assert "cannot be made without" in done.stderr
    assert before == {path: path.read_bytes() for path in first.root.rglob("etc/**/*") if path.is_file()}


def test_the_keys_are_in_no_command_line(first: Machine) -> None:
    """While a kubeconfig is renewed its key is handled by the shell alone."""
    traced = first.bash(f"set -x\n{renewed(requests(first, {'admin.conf'}))}")
    key = yaml.safe_load(Path(first.cluster.paths.kubernetes, "admin.conf").read_text())["users"][0]["user"][
        "client-key-data"
    ]
    external = [
        line
        for line in traced.stderr.splitlines()
        if key[:40] in line and not re.match(r"\++ (printf|key=|certificate=)", line)
    ]

    assert traced.returncode == 0
    assert external == []
    assert b"PRIVATE KEY" in base64.b64decode(key)
