"""Cures for what has to be issued or written again lose nothing, also where they fail half-way."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pki_samples import cluster_below

from hardway.model import Cluster, freeze_document
from hardway.parity.certificates import Surroundings, now
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.live import cures_of_files, wanted
from hardway.parity.live.cures import Tools

OURS, ANYBODYS = Tools("cluster.yaml", ours=True), Tools("inventory.yaml", ours=False)
FIRST, JOINED = cluster_below(Path("/root")).nodes


def below(root: Path | str) -> Cluster:
    """Two masters whose files lie below a directory."""
    configuration = freeze_document({"apiVersion": "kubeadm.k8s.io/v1beta3"})
    return replace(cluster_below(Path(root)), cluster_configuration=configuration)


def cure(
    cluster: Cluster, path: str, field: str, there: set[str], tools: Tools = ANYBODYS, node: object = FIRST
) -> str:
    """What mends one field of a file, on a node with some files."""
    assert node in cluster.nodes
    machine = FIRST if node == FIRST else JOINED
    item = wanted.files(cluster, machine, Surroundings({}, now(), now()))[path]
    found = ABSENT if field == "item" else "another"
    return cures_of_files.of_file(tools, cluster, machine, item, Difference(path, field, "present", found), there)


def run(root: Path, cure: str, *, kubeadm: str) -> subprocess.CompletedProcess[str]:
    """Carry out a cure where /root lies below a directory, and kubeadm does what it is told to."""
    programs = {
        "kubectl": "echo 'kind: ClusterConfiguration'",
        "kubeadm": kubeadm,
        "mktemp": f"mkdir {root}/aside && echo {root}/aside",
        "sleep": f"ls {root}/etc/manifests >{root}/while-it-waits",
    }
    (root / "bin").mkdir()
    for name, text in programs.items():
        (root / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (root / "bin" / name).chmod(0o755)
    text = f"PATH={root}/bin:$PATH\n{cure.replace('/root/', f'{root}/root/')}\n"
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


@pytest.fixture
def master(tmp_path: Path) -> Path:
    """Some files of a master."""
    for name in ("pki/ca.key", "pki/apiserver.crt", "pki/apiserver.key", "manifests/kube-apiserver.yaml"):
        (tmp_path / "etc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "etc" / name).write_text(f"old {name}")
    (tmp_path / "root").mkdir()
    return tmp_path


def files(root: Path) -> dict[str, str]:
    """What a master has now."""
    return {str(path.relative_to(root)): path.read_text() for path in (root / "etc").rglob("*") if path.is_file()}


def of_apiserver(root: Path) -> str:
    """The cure for an API server's certificate with a wrong usage."""
    there = {f"{root}/{name}" for name in files(root)}
    return cure(below(root), f"{root}/etc/pki/apiserver.crt", "ExtendedKeyUsage", there)


def test_a_pair_is_made_anew_and_read(master: Path) -> None:
    """kubeadm is given a free place and the cluster's own configuration; its static pod begins anew; the old pair is kept."""
    made = f"cd {master}/etc/pki; ! ls apiserver.* 2>/dev/null && cat >given && echo new >apiserver.crt && echo new >apiserver.key"
    done = run(master, of_apiserver(master), kubeadm=f'{made} && echo "$*" >asked')

    assert (done.returncode, done.stderr) == (0, "")
    assert (master / "etc/pki/asked").read_text() == "init phase certs apiserver --config /dev/stdin\n"
    assert (master / "etc/pki/given").read_text().startswith("kind: ClusterConfiguration\n")
    assert files(master)["etc/pki/apiserver.key"] == "new\n"
    assert (master / "aside/apiserver.key").read_text() == "old pki/apiserver.key"
    assert (master / "while-it-waits").read_text() == ""
    assert files(master)["etc/manifests/kube-apiserver.yaml"] == "old manifests/kube-apiserver.yaml"


def test_a_pair_comes_back_where_kubeadm_fails(master: Path) -> None:
    """Without it the API server would not start again; and it is not restarted."""
    before = files(master)
    done = run(master, of_apiserver(master), kubeadm="exit 1")

    assert done.returncode == 1
    assert files(master) == before
    assert not (master / "while-it-waits").exists()


@pytest.mark.parametrize("tools", [OURS, ANYBODYS])
@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("pki/apiserver.crt", "pki/ca.key"),
        ("pki/apiserver.key", "pki/ca.key"),
        ("pki/front-proxy-client.crt", "pki/front-proxy-ca.key"),
        ("pki/etcd/peer.crt", "pki/etcd/ca.key"),
        ("admin.conf", "pki/ca.key"),
    ],
)
@pytest.mark.parametrize("field", ["item", "KeyUsage", "SubjectAlternativeName.DNSName a"])
def test_nothing_is_taken_away_below_an_external_ca(tools: Tools, path: str, key: str, field: str) -> None:
    """Nobody on this master can issue it again; where the CA's key is there somebody can."""
    cluster, etc = below("/c"), "/c/etc"
    keys = {f"{etc}/pki/{name}.key" for name in ("ca", "front-proxy-ca", "etcd/ca")}
    without = cure(cluster, f"{etc}/{path}", field, {f"{etc}/{path}"} | keys - {f"{etc}/{key}"}, tools)

    assert without == f"whoever keeps {etc}/{key} has to issue it"
    assert re.search("kubeadm init phase|hardway apply|^mv", cure(cluster, f"{etc}/{path}", field, keys, tools))


def test_half_a_pair_goes_before_kubeadm_makes_a_whole_one() -> None:
    """kubeadm takes it for a mistake (`writeCertificateFilesIfNotExist`); where both are gone nothing goes."""
    cluster, pki = below("/c"), "/c/etc/pki"
    half = cure(cluster, f"{pki}/apiserver.crt", "item", {f"{pki}/ca.key", f"{pki}/apiserver.key"})

    assert f'mv -t "$old" {pki}/apiserver.key && ' in half
    assert "mv" not in cure(cluster, f"{pki}/apiserver.crt", "item", {f"{pki}/ca.key"})


@pytest.mark.parametrize(
    ("tools", "node", "field", "safe_without"),
    [
        (ANYBODYS, FIRST, "item", False),
        (ANYBODYS, JOINED, "item", False),
        (ANYBODYS, JOINED, "document", False),
        # It would be a member alone; a joining one asks the others, and the members of a manifest are kept.
        (OURS, FIRST, "item", False),
        (OURS, FIRST, "document", True),
        (OURS, JOINED, "item", True),
    ],
)
def test_no_empty_cluster_begins(tools: Tools, node: object, field: str, safe_without: bool) -> None:
    """etcd of one member alone is written only where it has its data, which say who the others are."""
    cluster = replace(below("/c"), etcd=replace(below("/c").stacked_etcd, data_dir="/var/lib/my etcd"))
    path, data = "/c/etc/manifests/etcd.yaml", "/var/lib/my etcd"
    written = re.compile("init phase etcd local|hardway apply")

    assert written.search(cure(cluster, path, field, {data, f"{data}/member"}, tools, node))
    without = cure(cluster, path, field, {data}, tools, node)
    assert bool(written.search(without)) is safe_without
    if not safe_without:
        assert without.startswith("ls -lA '/var/lib/my etcd' # ")


def test_cures_of_files_are_sound() -> None:
    """shellcheck finds nothing, whatever is there."""
    cluster = below("/my cluster")
    found = set()
    for node in cluster.nodes:
        expected = wanted.files(cluster, node, Surroundings({}, now(), now()))
        data = f"{cluster.stacked_etcd.data_dir}/member"
        for there in (
            {*expected, data},
            {path for path in expected if not path.endswith(("client.key", ".crt"))},
            set(),
        ):
            for tools in (OURS, ANYBODYS):
                for path, item in expected.items():
                    for field in ("item", "file.mode", "subject", "file.kind") if path in there else ("item",):
                        difference = Difference(path, field, "0600", ABSENT)
                        told = cures_of_files.of_file(tools, cluster, node, item, difference, there)
                        found |= {told} if not told.startswith(("take ", "whoever ")) else set()
    text = "#!/bin/bash\n" + "".join(
        f"f{number}() {{\n{told or ':'}\n}}\n" for number, told in enumerate(sorted(found))
    )
    done = subprocess.run(
        ["shellcheck", "-e", "SC2317,SC2329", "-"], input=text, text=True, capture_output=True, check=False
    )

    assert any("mktemp" in told for told in found)
    assert done.stdout == ""
