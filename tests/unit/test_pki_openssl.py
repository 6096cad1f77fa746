"""What the openssl texts leave on a node, and what they refuse; the real openssl does the work."""

import base64
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from pki_samples import ask, bash, carry_out, cluster_below, fields, files

from hardway.chapters import certs, kubeconfig
from hardway.errors import REFUSED
from hardway.model import Cluster
from hardway.pki import catalog, openssl, questions, sign
from hardway.pki.catalog import CertSpec, Usage
from hardway.pki.kubeconfigs import KubeconfigSpec, kubeconfigs
from hardway.steps import Directory, Step
from hardway.versions import release


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which both chapters of the first master were carried out; read only."""
    root = tmp_path_factory.mktemp("issued")
    carry_out(root, steps(cluster_below(root)))
    return root


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """The same files, signed here."""
    root = tmp_path_factory.mktemp("signed")
    return root, sign_all(cluster_below(root), datetime.now(UTC), {})


def sign_all(cluster: Cluster, now: datetime, known: dict[str, bytes]) -> dict[str, bytes]:
    """Everything that the two chapters make on the first master, with the keys that are known."""
    master = cluster.first_control_plane
    made = known | sign.certificates(catalog.certificates(cluster, master), known, now)
    made |= sign.key_pair(catalog.service_account_key(cluster), made)
    return made | {spec.path: sign.kubeconfig(spec, made, now) for spec in kubeconfigs(cluster, master)}


def put(content: dict[str, bytes], old: Path, new: Path) -> None:
    """Write files that were meant for one directory below another."""
    for path, body in content.items():
        target = new / Path(path).relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)


@pytest.fixture
def node(issued: Path, tmp_path: Path) -> tuple[Path, Cluster]:
    """A copy to spoil, at the paths that its cluster names."""
    shutil.copytree(issued / "etc", tmp_path / "etc")
    return tmp_path, cluster_below(tmp_path)


def steps(cluster: Cluster) -> Iterator[Step]:
    """The chapters certs and kubeconfig of the first master."""
    for chapter in (certs.CERTS, kubeconfig.KUBECONFIG):
        for step in chapter.steps(cluster, cluster.first_control_plane):
            # Only root may change owners.
            if isinstance(step, Directory):
                Path(step.path).mkdir(parents=True, exist_ok=True)
            else:
                yield step


def leaf(cluster: Cluster, name: str) -> CertSpec:
    """One certificate of the first master."""
    return next(s for s in catalog.certificates(cluster, cluster.first_control_plane) if s.name == name)


def conf(cluster: Cluster, name: str) -> KubeconfigSpec:
    """One kubeconfig of the first master."""
    return next(s for s in kubeconfigs(cluster, cluster.first_control_plane) if s.name == name)


def embedded(content: bytes, name: str) -> bytes:
    """A decoded field of a kubeconfig's user."""
    return base64.b64decode(yaml.safe_load(content)["users"][0]["user"][name])


def test_a_second_run_changes_nothing(node: tuple[Path, Cluster]) -> None:
    """Certificates are decided once: what is valid for its request is left alone."""
    root, cluster = node
    before = files(root)
    assert carry_out(root, steps(cluster)) == []
    assert before == files(root)


def test_modes_and_kinds_of_files(issued: Path) -> None:
    """Certificates 0644, everything else 0600; keys in PKCS#1; nothing is left lying about."""
    for path, content in files(issued).items():
        expected = 0o644 if path.endswith(".crt") else 0o600
        assert expected == stat.S_IMODE(Path(path).stat().st_mode), path
        if path.endswith(".key"):
            assert content.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n"), path
    cluster = cluster_below(issued)
    master, pair = cluster.first_control_plane, catalog.service_account_key(cluster)
    wanted = {pair.private_key, pair.public_key, *(spec.path for spec in kubeconfigs(cluster, master))}
    wanted |= {path for spec in catalog.certificates(cluster, master) for path in (spec.certificate, spec.key)}
    assert wanted == set(files(issued))


def test_signing_here_gives_the_same_fields(issued: Path, signed: tuple[Path, dict[str, bytes]]) -> None:
    """openssl on a node and `cryptography` in the tree renderer differ in nothing but keys, serials and times."""
    root, others = signed
    made = files(issued)
    assert sorted(made) == sorted(path.replace(str(root), str(issued)) for path in others)
    for path, content in made.items():
        other = others[path.replace(str(issued), str(root))]
        if path.endswith(".crt"):
            assert fields(content) == fields(other), path
        elif path.endswith(".conf"):
            hidden = re.compile(rb"data: .*")
            assert hidden.sub(b"", content) == hidden.sub(b"", other)
            name = "client-certificate-data"
            assert fields(embedded(content, name)) == fields(embedded(other, name)), path
        else:
            assert content.splitlines()[0] == other.splitlines()[0], path


def test_what_was_signed_here_satisfies_the_checks(signed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    """The questions do not ask who issued: a rendered tree needs nothing done again."""
    put(signed[1], signed[0], tmp_path)
    assert carry_out(tmp_path, steps(cluster_below(tmp_path))) == []


def test_times(issued: Path) -> None:
    """A CA begins five minutes early and lives ten years; leaves begin with their CA and live a year from now."""
    cluster = cluster_below(issued)
    loaded = {
        s.name: x509.load_pem_x509_certificate(Path(s.certificate).read_bytes())
        for s in catalog.certificates(cluster, cluster.first_control_plane)
    }
    ca = loaded["ca"]
    assert timedelta(days=3650, minutes=5) == ca.not_valid_after_utc - ca.not_valid_before_utc
    assert ca.not_valid_before_utc == loaded["apiserver"].not_valid_before_utc
    life = loaded["apiserver"].not_valid_after_utc - ca.not_valid_before_utc
    assert timedelta(0) <= life - timedelta(days=365, minutes=5) < timedelta(minutes=5)


def test_a_ca_is_never_replaced(node: tuple[Path, Cluster]) -> None:
    """Not even by the step that makes CAs, whatever is wrong with it."""
    root, cluster = node
    ca = leaf(cluster, "ca")
    before = files(root)
    done = bash(root, openssl.issue(ca))
    assert done.returncode == REFUSED
    assert f"{ca.certificate} exists" in done.stderr
    assert before == files(root)


def test_a_ca_whose_key_is_another_one_is_reported(node: tuple[Path, Cluster]) -> None:
    """Signing with a key that does not fit would give certificates that nobody believes."""
    root, cluster = node
    ca = leaf(cluster, "ca")
    shutil.copy(leaf(cluster, "etcd-ca").key, ca.key)
    assert ask(root, questions.issued(ca)) == "the key does not belong to the certificate"


def test_a_leaf_of_another_ca_is_not_replaced(node: tuple[Path, Cluster]) -> None:
    """It may be somebody's only copy; the message says which CA was expected."""
    root, cluster = node
    spec = leaf(cluster, "apiserver")
    foreign = Path(leaf(cluster, "etcd-server").certificate).read_bytes()
    Path(spec.certificate).write_bytes(foreign)
    assert ask(root, questions.issued(spec)) != ""
    done = bash(root, openssl.issue(spec))
    assert done.returncode == REFUSED
    assert f"was signed by another CA than {spec.ca_certificate}" in done.stderr
    assert foreign == Path(spec.certificate).read_bytes()


def test_an_external_ca_is_enough_as_long_as_its_leaves_exist(node: tuple[Path, Cluster]) -> None:
    """A CA without key is left alone and gets no key; a missing leaf is an error, not a new CA."""
    root, cluster = node
    ca, spec = leaf(cluster, "ca"), leaf(cluster, "apiserver")
    Path(ca.key).unlink()
    assert carry_out(root, steps(cluster)) == []
    Path(spec.certificate).unlink()
    done = bash(root, openssl.issue(spec))
    assert done.returncode == 1
    assert "with an external CA the file" in done.stderr
    assert not Path(ca.key).exists()


def test_a_ca_of_ones_own_is_kept_whatever_its_name(tmp_path: Path) -> None:
    """kubeadm takes any CA; so leaves are issued by it and the questions are content."""
    cluster = cluster_below(tmp_path)
    (tmp_path / "etc/pki/etcd").mkdir(parents=True)
    own = replace(leaf(cluster, "ca"), common_name="Example Corp. Root", organizations=("Example",), dns_names=())
    for path, content in sign.certificates([own], {}, datetime.now(UTC)).items():
        Path(path).write_bytes(content)
    ran = carry_out(tmp_path, steps(cluster))
    assert "certs/ca" not in ran
    assert "certs/apiserver" in ran


def test_leaves_that_have_ended_are_issued_again_for_their_keys(
    signed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    """Only the certificate changes, in one move: key and certificate fit at every moment."""
    root, cluster = signed[0], cluster_below(signed[0])
    keys = {path: content for path, content in signed[1].items() if path.endswith((".key", ".pub"))}
    old = sign_all(cluster, datetime.now(UTC) - timedelta(days=400), keys)
    put({path: content for path, content in old.items() if not path.endswith(".conf")}, root, tmp_path)
    before, cluster = files(tmp_path), cluster_below(tmp_path)
    assert ask(tmp_path, questions.issued(leaf(cluster, "apiserver"))) == "expired"
    expected = [f"certs/{spec.name}" for spec in catalog.leaves(cluster, cluster.first_control_plane)]
    assert expected == [step for step in carry_out(tmp_path, steps(cluster)) if step.startswith("certs/")]
    changed = {path for path in before if before[path] != Path(path).read_bytes()}
    assert changed == {spec.certificate for spec in catalog.leaves(cluster, cluster.first_control_plane)}


def test_a_new_name_is_added_and_an_old_one_does_no_harm(node: tuple[Path, Cluster]) -> None:
    """A certificate with more names than asked for is as good; one with fewer is issued again."""
    root, cluster = node
    more = replace(cluster, api_server=replace(cluster.api_server, cert_sans=("new.example.com",)))
    assert ask(root, questions.issued(leaf(more, "apiserver"))) == "it lacks DNS:new.example.com"
    fewer = replace(cluster, api_server=replace(cluster.api_server, cert_sans=()))
    assert carry_out(root, steps(fewer)) == []
    assert carry_out(root, steps(more)) == ["certs/apiserver"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"common_name": "somebody"}, "it has another subject"),
        ({"organizations": ("system:masters",)}, "it has another subject"),
        ({"usages": (Usage.CLIENT,)}, "it lacks TLS Web Client Authentication"),
        ({"ip_addresses": ("10.9.9.8",)}, "it lacks IP Address:10.9.9.8"),
        ({"dns_names": ("example.com",)}, "it lacks DNS:example.com"),
    ],
)
def test_what_a_certificate_lacks_is_said(issued: Path, change: dict[str, tuple[str, ...]], reason: str) -> None:
    """A no comes with its reason in one line."""
    spec = leaf(cluster_below(issued), "apiserver")
    assert reason == ask(issued, questions.issued(replace(spec, **change)))  # type: ignore[arg-type]


def test_the_group_of_another_minor_is_as_good(issued: Path) -> None:
    """1.33.13 makes the API server's client of kubelets no administrator, 1.34.4 does; an upgrade keeps what is there."""
    cluster = cluster_below(issued)
    newer = replace(cluster, release=release("v1.33.13"))
    made, wanted = (leaf(each, "apiserver-kubelet-client") for each in (cluster, newer))

    assert made.organizations != wanted.organizations
    assert ask(issued, questions.issued(wanted)) == ""
    assert ask(issued, questions.issued(replace(wanted, also=()))) == "it has another subject"


def test_a_kubeconfig_of_another_ca_is_not_replaced(node: tuple[Path, Cluster]) -> None:
    """kubeadm stops there too: it belongs to another cluster."""
    root, cluster = node
    spec = replace(conf(cluster, "admin"), ca_certificate=leaf(cluster, "etcd-ca").certificate)
    assert ask(root, questions.kubeconfig_written(spec)) == "it has another CA"
    done = bash(root, openssl.write_kubeconfig(spec))
    assert done.returncode == REFUSED
    assert "belongs to another CA" in done.stderr


def test_a_kubeconfig_of_another_server_is_written_again(node: tuple[Path, Cluster]) -> None:
    """The endpoint has moved, the CA is the same."""
    root, cluster = node
    before = conf(cluster, "scheduler")
    spec = replace(before, server="https://10.11.0.99:6443")
    assert ask(root, questions.kubeconfig_written(spec)) == "it points to another server"
    assert (bash(root, openssl.write_kubeconfig(spec)).returncode, ask(root, questions.kubeconfig_written(spec))) == (
        0,
        "",
    )


def with_kubectl(root: Path, conf: str, text: str) -> str:
    """Directory with a kubectl that says this, asked with that kubeconfig."""
    tool = root / "bin/kubectl"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/bash\n[ "$1" = "--kubeconfig={conf}" ] || exit 2\n{text}\n')
    tool.chmod(0o755)
    return str(tool.parent)


def initialise(cluster: Cluster) -> None:
    """The API server's manifest is there."""
    manifest = Path(f"{cluster.paths.manifests}/kube-apiserver.yaml")
    manifest.parent.mkdir(exist_ok=True)
    manifest.write_text("kind: Pod\n")


ANSWERS = {"yes": ("echo yes", True), "no": ("echo no; exit 1", False), "silence": ("exit 1", True)}


@pytest.mark.parametrize("said", ANSWERS)
def test_super_admin_conf_may_be_missing_until_admin_conf_is_refused(
    node: tuple[Path, Cluster], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """kubeadm advises to put it away. An API that does not answer is no reason to issue what passes RBAC by."""
    root, cluster = node
    kubectl, is_content = ANSWERS[said]
    monkeypatch.setenv("PATH", with_kubectl(root, conf(cluster, "admin").path, kubectl), prepend=":")
    spec = conf(cluster, "super-admin")
    asked = (
        questions.kubeconfig_keys_made(f"{root}/keys", [spec]),
        questions.kubeconfig_written(spec),
        questions.lasts(spec, 86400),
    )
    assert [ask(root, question) for question in asked] == ["", "", ""]
    Path(spec.path).unlink()
    missing = [f"no key for {spec.path}", "not written yet", "it cannot be read"]

    # Before there is an API server on this master, nobody is asked.
    assert [ask(root, question) for question in asked] == missing
    initialise(cluster)
    assert [ask(root, question) for question in asked] == (["", "", ""] if is_content else missing)


def test_a_super_admin_conf_that_is_there_has_to_be_right(
    node: tuple[Path, Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever admin.conf may do: what lies there is judged and made anew as any other kubeconfig."""
    root, cluster = node
    monkeypatch.setenv("PATH", with_kubectl(root, conf(cluster, "admin").path, "echo yes"), prepend=":")
    initialise(cluster)
    spec = replace(conf(cluster, "super-admin"), server="https://10.11.0.99:6443")

    assert ask(root, questions.kubeconfig_written(spec)) == "it points to another server"
    assert ask(root, questions.lasts(spec, 366 * 86400)).startswith("notAfter=")


def added(path: Path, user: dict[str, str], *, first: bool) -> None:
    """Put a user of somebody's, with a cluster and a context, into a kubeconfig."""
    value = yaml.safe_load(path.read_bytes())
    context = {"cluster": "theirs", "user": "alice"}
    for entries, item in (
        ("users", {"name": "alice", "user": user}),
        (
            "clusters",
            {"name": "theirs", "cluster": {"server": "https://other:6443", "certificate-authority-data": "AAAA"}},
        ),
        ("contexts", {"name": "alice@theirs", "context": context}),
    ):
        value[entries].insert(0 if first else 1, item)
    path.write_text(yaml.safe_dump(value, width=10**6))


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize("first", [True, False])
def test_a_kubeconfig_with_another_user_is_judged_by_its_current_context(
    node: tuple[Path, Cluster], first: bool
) -> None:
    """A user that somebody has added is no reason to write the file again, whatever the certificate says."""
    root, cluster = node
    spec = conf(cluster, "admin")
    path = Path(spec.path)
    other = embedded(Path(conf(cluster, "scheduler").path).read_bytes(), "client-certificate-data")
    added(path, {"client-certificate-data": base64.b64encode(other).decode(), "client-key-data": "AAAA"}, first=first)
    before = path.read_bytes()
    assert carry_out(root, steps(cluster)) == []
    assert ask(root, questions.lasts(spec, 30 * 86400)) == ""
    assert path.read_bytes() == before


@pytest.mark.usefixtures("kubectl")
def test_another_users_key_is_not_written_over(node: tuple[Path, Cluster]) -> None:
    """Where the file has to be written anew it says so, and nothing is lost, also where its current context is theirs."""
    root, cluster = node
    spec = conf(cluster, "admin")
    path = Path(spec.path)
    added(path, {"client-key-data": "AAAA"}, first=True)
    moved = replace(spec, server="https://10.11.0.99:6443")
    before = path.read_bytes()
    done = bash(root, openssl.write_kubeconfig(moved))
    assert (done.returncode, path.read_bytes()) == (REFUSED, before)
    assert "holds other users too" in done.stderr

    path.write_bytes(
        before.replace(b"current-context: kubernetes-admin@my-first-cluster", b"current-context: alice@theirs")
    )
    assert path.read_bytes() != before
    assert ask(root, questions.kubeconfig_written(spec)) == "it points to another server"
    done = bash(root, openssl.write_kubeconfig(spec))
    assert done.returncode == REFUSED
    assert "holds other users too" in done.stderr


def test_names_that_yaml_and_bash_could_misread(node: tuple[Path, Cluster]) -> None:
    """clusterName is free text for kubeadm; it arrives as it is."""
    root, cluster = node
    for name in ("yes", "1.30", "a: b", 'say "$HOME" `id` \\n'):
        spec = replace(conf(cluster, "scheduler"), cluster_name=name, path=f"{root}/named.conf")
        assert bash(root, openssl.write_kubeconfig(spec)).returncode == 0
        found = yaml.safe_load(Path(spec.path).read_text())
        assert name == found["clusters"][0]["name"]
        assert f"system:kube-scheduler@{name}" == found["current-context"]
        assert ask(root, questions.kubeconfig_written(spec)) == ""
        Path(spec.path).unlink()


@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_a_common_name_longer_than_64_characters(node: tuple[Path, Cluster]) -> None:
    """`system:node:` and a long node name pass X.520's limit; kubeadm issues such certificates."""
    root, cluster = node
    user = f"system:node:{'a' * 60}.{'b' * 60}.example.com"
    spec = replace(conf(cluster, "kubelet"), user=user, path=f"{root}/long.conf")
    done = bash(root, openssl.write_kubeconfig(spec))
    assert (done.returncode, done.stderr) == (0, "")
    assert ask(root, questions.kubeconfig_written(spec)) == ""
    here = sign.kubeconfig(spec, files(root), datetime.now(UTC))
    name = "client-certificate-data"
    assert fields(embedded(here, name)) == fields(embedded(Path(spec.path).read_bytes(), name))


def test_several_organizations(node: tuple[Path, Cluster]) -> None:
    """They share one set of the subject, as Go writes them, in either way of signing."""
    root, cluster = node
    spec = replace(leaf(cluster, "apiserver"), organizations=("system:nodes", "b", "a"))
    spec = replace(spec, certificate=f"{root}/many.crt", key=f"{root}/many.key")
    assert bash(root, openssl.issue(spec)).returncode == 0
    assert ask(root, questions.issued(spec)) == ""
    made = files(root)
    known = {path: content for path, content in made.items() if path != spec.certificate}
    signed = sign.certificates([spec], known, datetime.now(UTC))[spec.certificate]
    assert fields(made[spec.certificate]) == fields(signed)


def test_the_service_account_key_is_kept(node: tuple[Path, Cluster]) -> None:
    """A missing public key is derived; a wrong one is reported and kept; one among older ones is fine."""
    root, cluster = node
    spec = catalog.service_account_key(cluster)
    private, public = Path(spec.private_key), Path(spec.public_key)
    key, right = private.read_bytes(), public.read_bytes()
    public.unlink()
    assert ask(root, questions.key_pair_made(spec)) == "no public key yet"
    assert bash(root, openssl.make_key_pair(spec)).returncode == 0
    assert (key, right) == (private.read_bytes(), public.read_bytes())
    public.write_bytes(b"-----BEGIN PUBLIC KEY-----\nb2xk\n-----END PUBLIC KEY-----\n" + right)
    assert ask(root, questions.key_pair_made(spec)) == ""
    public.write_bytes(b"-----BEGIN PUBLIC KEY-----\nb2xk\n-----END PUBLIC KEY-----\n")
    assert "does not belong" in ask(root, questions.key_pair_made(spec))
    assert bash(root, openssl.make_key_pair(spec)).returncode == REFUSED
    assert key == private.read_bytes()


def test_a_run_that_was_killed_between_key_and_certificate_goes_on(node: tuple[Path, Cluster]) -> None:
    """A key without certificate is used, a half-written file beside it does no harm."""
    root, cluster = node
    ca, spec = leaf(cluster, "ca"), leaf(cluster, "apiserver")
    for path in (cluster.paths.pki, cluster.paths.kubernetes):
        for file in Path(path).glob("*.c*"):
            file.unlink()
    Path(f"{ca.certificate}.new").write_text("half")
    Path(spec.key).unlink()
    Path(f"{spec.key}.new").write_text("half")
    key = Path(ca.key).read_bytes()
    carry_out(root, steps(cluster))
    assert key == Path(ca.key).read_bytes()
    assert not list(root.rglob("*.new"))


def test_lasts_tells_the_end(issued: Path) -> None:
    """A warning names the date on which a certificate ends."""
    cluster = cluster_below(issued)
    for spec in (leaf(cluster, "apiserver"), conf(cluster, "admin")):
        assert ask(issued, questions.lasts(spec, 30 * 86400)) == ""
        assert ask(issued, questions.lasts(spec, 366 * 86400)).startswith("notAfter=")


def test_a_kubelet_conf_that_follows_the_rotation_is_done(node: tuple[Path, Cluster]) -> None:
    """kubelet-finalize takes the embedded certificate away; nobody brings it back, and the rotated one is looked at."""
    root, cluster = node
    spec = conf(cluster, "kubelet")
    before = Path(spec.path).read_bytes()
    data = re.compile(rb"client-(certificate|key)-data: .*")
    Path(spec.path).write_bytes(data.sub(rb"client-\1: " + spec.rotated.encode(), before))
    assert ask(root, questions.kubeconfig_written(spec)) == ""
    assert carry_out(root, steps(cluster)) == []
    rotated = Path(spec.rotated)
    rotated.parent.mkdir(parents=True)
    rotated.write_bytes(embedded(before, "client-certificate-data") + embedded(before, "client-key-data"))
    assert ask(root, questions.lasts(spec, 30 * 86400)) == ""
    assert ask(root, questions.lasts(spec, 366 * 86400)).startswith("notAfter=")
