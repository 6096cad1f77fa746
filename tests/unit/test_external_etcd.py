"""etcd that somebody else runs: what is made without a member of it, what is asked of it, and what travels to other masters."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from clusters import lab_cluster

from hardway.chapters import check_expiration, control_plane, external_etcd, preflight, renew, reset, upload_certs
from hardway.chapters.components import components
from hardway.chapters.configure_components import steps as configure
from hardway.chapters.download_certs import DECRYPT
from hardway.chapters.renew import Request
from hardway.config import advice, loads
from hardway.errors import REFUSED
from hardway.model import Cluster, EtcdExternal, EtcdLocal, Facts, thaw
from hardway.model.images import images, on_workers
from hardway.model.ports import ports
from hardway.operations.expiration import renewable
from hardway.parity.certificates import Surroundings
from hardway.parity.live import external, fetch, judge, left, members, runtime, wanted
from hardway.parity.live.cures import Tools
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode, heard, seen_node
from hardway.pki import catalog, sign
from hardway.pki.catalog import CertSpec, Usage
from hardway.steps import Check, File, Step, Wait
from hardway.workflows.apply import APPLY
from hardway.workflows.by import chosen
from hardway.workflows.leave import take_back

LAB = lab_cluster()
FILES = ("/etc/etcd/ca.pem", "/etc/etcd/tls/client.pem", "/srv/keys/client.pem")
URLS = ("https://10.30.0.5:2379", "https://[fd30::6]:2379")
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)


def outside(*files: str, base: Cluster = LAB) -> Cluster:
    """The lab's cluster on an external etcd with these files."""
    return replace(base, etcd=EtcdExternal(URLS, *files, http_endpoints=URLS))


CLUSTER = outside(*FILES)
MASTER, JOINING = CLUSTER.control_planes[:2]


def api_server(cluster: Cluster, node: object = MASTER) -> tuple[dict[str, str], dict[str, str]]:
    """Flags about etcd, and volumes by name."""
    assert node in cluster.nodes
    pod = thaw(control_plane.kube_apiserver(cluster, MASTER))
    flags = dict(word.removeprefix("--").split("=", 1) for word in pod["spec"]["containers"][0]["command"][1:])
    volumes = {item["name"]: item["hostPath"]["path"] for item in pod["spec"]["volumes"]}
    return {k: v for k, v in flags.items() if k.startswith("etcd-")}, volumes


def test_api_servers_are_sent_to_the_endpoints() -> None:
    """All URLs in one flag; files only where they are given; their directories are mounted."""
    flags, volumes = api_server(CLUSTER)

    assert flags == {
        "etcd-servers": ",".join(URLS),
        "etcd-cafile": FILES[0],
        "etcd-certfile": FILES[1],
        "etcd-keyfile": FILES[2],
    }
    assert {volumes["etcd-certs-0"], volumes["etcd-certs-1"]} == {"/etc/etcd", "/srv/keys"}
    assert api_server(outside())[0] == {"etcd-servers": ",".join(URLS)}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), ()),
        (("/a/b/ca", "/a/cert", "/a/c/key"), ("/a",)),
        (("/a/cert", "/a/b/ca", "/b/key"), ("/a", "/b")),
        (("/etc/ssl/certs/ca", "/etc/kubernetes/pki/etcd/cert", "/etc/pki/key"), ()),
        (("//a/./b//ca", "", ""), ("/a/b",)),
        (("/a/ca", "/ab/cert", "/b/key"), ("/a", "/b")),
    ],
)
def test_each_directory_is_mounted_once(files: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Not below another one, not what is mounted anyway, and, as in kubeadm, not what begins like another one."""
    assert external_etcd.directories(EtcdExternal((), *files), "/etc/kubernetes/pki", ("/etc/pki",)) == expected


def test_a_directory_of_cas_is_there_when_files_are_in_it() -> None:
    """Otherwise the manifest would change once the files have come."""
    bare = tuple(replace(node, facts=Facts(ca_directories=())) for node in LAB.nodes)
    cluster = replace(outside("/etc/pki/etcd/ca.crt"), nodes=bare)
    pod = thaw(control_plane.kube_apiserver(cluster, cluster.nodes[0]))
    manager = thaw(control_plane.kube_controller_manager(cluster, cluster.nodes[0]))

    assert "/etc/pki" in [volume["hostPath"]["path"] for volume in pod["spec"]["volumes"]]
    assert "/etc/pki" in [volume["hostPath"]["path"] for volume in manager["spec"]["volumes"]]


def test_nothing_of_a_member_is_made() -> None:
    """No CA, certificate, manifest, image, port or program of etcd; no chapter of it has a node, also not for kubeadm."""
    names = {spec.name for spec in catalog.certificates(CLUSTER, MASTER)}
    stages = [stage for stage in APPLY if stage.on(CLUSTER) and "etcd" in stage.chapter.name]

    assert names == {"ca", "front-proxy-ca", "apiserver", "apiserver-kubelet-client", "front-proxy-client"}
    assert not [name for name, _ in renewable(CLUSTER, MASTER) if "etcd" in name]
    assert stages == []
    assert not {"etcd", "control-plane-join/etcd"} & chosen(APPLY, CLUSTER, "kubeadm=all").keys()
    assert not [name for name in (*images(CLUSTER), *on_workers(CLUSTER)) if "etcd" in name]
    assert not [port for port in ports(CLUSTER, MASTER) if port.component == "etcd"]
    assert "etcd" not in [component.name for component in components(CLUSTER, MASTER)]
    paths = [
        getattr(step, "path", "") for stage in APPLY for node in stage.on(CLUSTER) for step in _steps(stage, node)
    ]
    assert not [path for path in paths if "etcd" in path]


def _steps(stage: object, node: object) -> list[Step]:
    return list(stage.chapter.steps(CLUSTER, node))  # type: ignore[attr-defined]


def test_a_stacked_etcd_has_all_of_that() -> None:
    """The same questions of the same cluster with its own etcd are answered with yes."""
    assert "etcd-ca" in {spec.name for spec in catalog.certificates(LAB, MASTER)}
    assert [stage for stage in APPLY if stage.on(LAB) and "etcd" in stage.chapter.name]
    assert [name for name in images(LAB) if "etcd" in name]
    assert {2379, 2380, 2381} <= {port.number for port in ports(LAB, MASTER)}
    with pytest.raises(ValueError, match="external"):
        _ = CLUSTER.stacked_etcd


def test_nobody_leaves_or_cleans_what_is_not_here() -> None:
    """node remove changes no member; reset empties no data directory, and says what it leaves."""
    changed = [
        step.id
        for stage in take_back(JOINING, MASTER)
        for step in stage.chapter.steps(CLUSTER, stage.on(CLUSTER)[0])
        if stage.chapter.name == "remove-etcd-member"
    ]

    assert changed == []
    assert reset.emptied(CLUSTER, MASTER) == ("/etc/kubernetes/manifests", "/var/lib/kubelet", "/etc/kubernetes/pki")
    assert reset.left(CLUSTER)[:2] == (
        f"the data in the external etcd ({', '.join(URLS)}): a new cluster must not find it there",
        f"what API servers showed to it ({', '.join(FILES)})",
    )
    assert reset.left(LAB) == reset.LEFT


def test_renewal_asks_no_members() -> None:
    """The API server alone has to be well."""
    spec = next(spec for spec in catalog.leaves(CLUSTER, MASTER) if spec.name == "apiserver")
    asked = {MASTER.name: (Request("apiserver", spec, spec, "0"),)}
    (first, *_) = [step for step in renew.chapter(asked).steps(CLUSTER, MASTER) if isinstance(step, Wait)]

    assert "etcdctl" not in first.check.script
    assert "readyz" in first.check.script
    (stacked, *_) = [step for step in renew.chapter(asked).steps(LAB, MASTER) if isinstance(step, Wait)]
    assert "etcdctl" in stacked.check.script


def test_even_masters_are_no_matter() -> None:
    """Their number says nothing of an external etcd's quorum."""
    two = replace(CLUSTER, nodes=(*CLUSTER.nodes[:2], *CLUSTER.nodes[3:]))

    assert not [line for line in advice(two) if "etcd" in line]
    assert [line for line in advice(replace(two, etcd=EtcdLocal())) if "etcd" in line]


def signed(folder: Path, days: float = 365, moment: datetime | None = None) -> dict[str, bytes]:
    """CA, client certificate and key, in the names of FILES below a folder."""
    ca = CertSpec("ca", "", "ca", "ca.key", "others", days=3650)
    client = CertSpec("c", "", "c", "k", "kube", (), (Usage.CLIENT,), (), (), ca.certificate, ca.key, days)
    made = sign.certificates((ca, client), {}, moment or datetime.now(UTC))
    return {f"{folder}{path}": made[name] for path, name in zip(FILES, ("ca", "c", "k"), strict=True)}


def write(files: Mapping[str, bytes]) -> None:
    """Onto this machine, the keys for their owner alone."""
    for path, content in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
        Path(path).chmod(0o600)


def ask(check: Check, curl: str = "exit 7", folder: Path | None = None) -> str:
    """The reason of a no, empty for yes; `curl` is what curl does."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    if folder is not None:
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin/curl").write_text(f"#!/bin/bash\n{curl}\n")
        (folder / "bin/curl").chmod(0o755)
        env["PATH"] = f"{folder}/bin:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -u\n(\n{check.script}\n)"], capture_output=True, text=True, check=False, env=env
    )
    return "" if done.returncode == 0 else done.stdout.strip() or f"exit {done.returncode} {done.stderr}"


def test_the_files_must_be_there_before_anything_is_begun(tmp_path: Path) -> None:
    """kubeadm's question to the first master; the others get them from it."""
    here = outside(*(f"{tmp_path}{path}" for path in FILES))
    asked = [check for check in preflight.checks(here, MASTER) if check.key == external_etcd.CERTIFICATES]

    assert [ask(check) for check in asked] == ["it is missing"] * 3
    write(signed(tmp_path))
    assert [ask(check) for check in asked] == [""] * 3
    assert [c for c in preflight.checks(here, JOINING) if c.key == external_etcd.CERTIFICATES] == []
    keys = {check.key for check in preflight.checks(here, MASTER)}
    assert not keys & {"Port-2379", "Port-2380", "DirAvailable--var-lib-etcd"}
    assert "FileAvailable--etc-kubernetes-manifests-etcd.yaml" in keys


@pytest.mark.parametrize(
    ("curl", "reason"),
    [
        ("""echo '{"etcdserver":"3.5.12","etcdcluster":"3.5.0"}'""", ""),
        ("""echo '{"etcdserver":"3.4.13","etcdcluster":"3.4.0"}'""", ""),
        ("""echo '{"etcdserver":"3.10.0-rc.1"}'""", ""),
        ("""echo '{"etcdserver":"3.4.9"}'""", f"{URLS[0]} is etcd 3.4.9"),
        ("""case "$*" in *10.30*) echo '{"etcdserver":"3.5.12"}' ;; *) exit 7 ;; esac""", f"{URLS[1]}: "),
        ("echo '<html>'", f"{URLS[0]}: it does not tell its version"),
        ("echo 'curl: (60) no CA'; exit 60", f"{URLS[0]}: curl: (60) no CA"),
    ],
)
def test_etcd_must_answer_and_be_new_enough(tmp_path: Path, curl: str, reason: str) -> None:
    """Every endpoint, with the client certificate, and as old as kubeadm of this minor takes it."""
    here = outside(*(f"{tmp_path}{path}" for path in FILES))
    (check,) = [check for check in external_etcd.questions(here, MASTER) if check.key == external_etcd.VERSION]
    (other,) = [check for check in external_etcd.questions(here, JOINING) if check.key == external_etcd.VERSION]

    assert ask(check, curl, tmp_path) == reason.strip()
    assert ask(other, curl, tmp_path) == ""
    write(signed(tmp_path))
    assert ask(other, curl, tmp_path) == reason.strip()
    assert list(external_etcd.questions(here, CLUSTER.workers[0])) == []


def test_what_the_inventory_brings_is_not_asked_of_an_empty_machine() -> None:
    """`check --preflight` asks for the files, and asks etcd, only where the operator lays them down."""

    def before(cluster: Cluster) -> set[str]:
        keys = {check.key for check in preflight.before(cluster, MASTER)}
        return keys & {external_etcd.CERTIFICATES, external_etcd.VERSION}

    assert before(CLUSTER) == {external_etcd.CERTIFICATES, external_etcd.VERSION}
    assert before(replace(CLUSTER, files=MappingProxyType({FILES[1]: "x"}))) == set()


def test_a_key_that_the_inventory_brings_is_secret() -> None:
    """`files` takes it to all masters, 0600 and never shown."""
    found = {FILES[0]: "-----BEGIN CERTIFICATE-----\n", FILES[2]: "-----BEGIN PRIVATE KEY-----\n"}
    steps = {
        step.path: step
        for step in configure(replace(CLUSTER, files=MappingProxyType(found)), JOINING)
        if isinstance(step, File)
    }

    assert (steps[FILES[2]].mode, steps[FILES[2]].secret) == (0o600, True)
    assert (steps[FILES[0]].mode, steps[FILES[0]].secret) == (0o644, False)
    assert "PRIVATE" not in repr(steps[FILES[2]])


def test_check_tells_what_the_client_certificate_is_worth(tmp_path: Path) -> None:
    """Nobody here renews it: its key, its end and its key's mode are asked."""
    here = outside(*(f"{tmp_path}{path}" for path in FILES))
    asked = [c for c in check_expiration.checks(here, MASTER) if any(f"{tmp_path}{path}" in c.name for path in FILES)]
    assert [bool(ask(check)) for check in asked] == [True, True, False]

    write(signed(tmp_path))
    assert [ask(check) for check in asked] == ["", "", ""]
    write(signed(tmp_path, days=10))
    assert [bool(ask(check)) for check in asked] == [False, True, False]
    Path(f"{tmp_path}{FILES[2]}").write_bytes(signed(tmp_path)[f"{tmp_path}{FILES[2]}"])
    Path(f"{tmp_path}{FILES[2]}").chmod(0o644)
    assert [bool(ask(check)) for check in asked] == [True, True, True]


def program(text: str, cluster: Cluster, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One of the programs that a step runs."""
    whole = f"FILES = {upload_certs.secret_files(cluster)!r}\nREFUSED = {REFUSED}\n{text}"
    return subprocess.run(
        [sys.executable, "-c", whole, *argv], input=stdin, capture_output=True, text=True, check=False, umask=0o077
    )


@pytest.mark.parametrize("given", [3, 1, 0])
def test_the_files_travel_to_other_masters(tmp_path: Path, given: int) -> None:
    """Under kubeadm's three keys, whether there are files or not; there with kubeadm's modes, directories included."""
    first, second = tmp_path / "first", tmp_path / "second"
    files = dict(list(signed(first).items())[:given])
    write(files)
    for name in ("ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub"):
        write({f"{first}/pki/{name}": f"content of {name}\n".encode()})
    (second / "pki").mkdir(parents=True)
    (tmp_path / "key").write_text("ab" * 32)
    here, there = (outside(*[f"{root}{path}" for path in FILES[:given]]) for root in (first, second))

    sealed = program(upload_certs.ENCRYPT, here, f"{tmp_path}/key", f"{first}/pki", "abcdef", "uid")
    data = json.loads(sealed.stdout)["data"]
    opened = program(DECRYPT, there, f"{tmp_path}/key", f"{second}/pki", stdin=sealed.stdout)

    assert set(data) == {
        "ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub",
        "external-etcd-ca.crt", "external-etcd.crt", "external-etcd.key",
    }  # fmt: skip
    assert sum(not value for value in data.values()) == 3 - given
    assert (opened.returncode, opened.stderr) == (0, "")
    for path, content in files.items():
        target = second / path.removeprefix(f"{first}/")
        assert target.read_bytes() == content
        assert target.stat().st_mode & 0o777 == (0o600 if b"PRIVATE KEY" in content else 0o644)
        assert target.parent.stat().st_mode & 0o777 == 0o755


def test_a_file_that_is_missing_is_not_uploaded_as_none(tmp_path: Path) -> None:
    """The other masters would come up without it."""
    (tmp_path / "key").write_text("ab" * 32)
    write({f"{tmp_path}/pki/{name}": b"x" for name in ("ca.crt", "front-proxy-ca.crt", "sa.key", "sa.pub")})
    done = program(
        upload_certs.ENCRYPT, outside(f"{tmp_path}/ca.pem"), f"{tmp_path}/key", f"{tmp_path}/pki", "a", "b"
    )

    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/ca.pem is missing\n")


def judged(folder: Path, files: Mapping[str, bytes], modes: Mapping[str, int]) -> tuple[set[str], SeenNode, str]:
    """Findings on a master with these files, what was seen of it, and all that has left it."""
    write(files)
    for path, mode in modes.items():
        Path(path).chmod(mode)
    here = outside(*(f"{folder}{path}" for path in FILES))
    paths = replace(here.paths, kubernetes=f"{folder}/k8s", pki=f"{folder}/k8s/pki", kubelet=f"{folder}/kubelet")
    here = replace(here, paths=paths)
    script = f"set -uo pipefail\naudit() {{\n{fetch.node_script(here, MASTER)}\n}}\naudit </dev/null\n"
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False)
    seen = seen_node(MASTER.name, heard(done.stdout.splitlines()))
    bench = Judge(here, Tools("cluster.yaml", ours=True), MOMENT)
    found = [*external.files(bench, MASTER, seen), *runtime.ends(bench, MASTER, seen)]
    return {f"{item.item.removeprefix(str(folder))} {item.field}: {item.found}" for item in found}, seen, done.stdout


def test_the_audit_reads_the_files_of_an_external_etcd(tmp_path: Path) -> None:
    """Missing ones, open keys, keys of another certificate and ends are told; no key leaves the node."""
    good = signed(tmp_path, moment=MOMENT)
    missing = judged(tmp_path, {}, {})[0]
    whole, seen, told = judged(tmp_path, good, {})
    _, key = (f"{tmp_path}{path}" for path in FILES[1:])
    spoilt = good | {key: signed(tmp_path)[key]}
    late = signed(tmp_path, days=400, moment=MOMENT - timedelta(days=390))

    assert missing == {f"{path} item: {judge.ABSENT}" for path in FILES}
    assert whole == set()
    assert good[key].decode().splitlines()[1] not in told
    assert set(seen.keys) >= {key}
    assert judged(tmp_path, spoilt, {key: 0o644})[0] == {
        f"{FILES[2]} file.mode: 0644",
        f"{FILES[2]} pair: does not fit {tmp_path}{FILES[1]}",
    }
    assert judged(tmp_path, late, {})[0] == {f"{FILES[1]} ends: 2026-05-11 00:00:00 UTC"}


def test_the_audit_asks_for_no_members() -> None:
    """No manifest of etcd is wanted, and what a stranger's etcd has for members is nobody's business."""
    bench = Judge(CLUSTER, Tools("cluster.yaml", ours=True), MOMENT)
    nothing = Surroundings({}, MOMENT, MOMENT)

    assert not [path for path in wanted.files(CLUSTER, MASTER, nothing) if "etcd" in path]
    assert [path for path in wanted.files(LAB, MASTER, nothing) if path.endswith("/etcd.yaml")]
    assert wanted.objects(CLUSTER)
    assert list(members.members(bench, {}, SeenCluster({}, (), (), ()))) == []
    assert list(left.emergency(CLUSTER, {})) == []


V1BETA4 = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: VERSION
controlPlaneEndpoint: api.example.com:6443
etcd:
  external:
    endpoints: ["https://10.30.0.5:2379"]
    caFile: /etc/etcd/ca.crt
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes: [{name: master-1, address: 10.30.0.11, roles: [control-plane]}]
"""


@pytest.mark.parametrize(("version", "stored"), [("v1.34.4", False), ("v1.35.4", True), ("v1.37.2", True)])
def test_later_minors_store_where_etcd_is_asked_over_http(version: str, stored: bool) -> None:
    """httpEndpoints came with 1.35; where the user names none they are the endpoints."""
    cluster = loads(V1BETA4.replace("VERSION", version))
    assert isinstance(cluster.etcd, EtcdExternal)
    configuration = thaw(cluster.cluster_configuration)["etcd"]

    same = {"endpoints": ["https://10.30.0.5:2379"]}
    assert configuration == {
        "external": {
            **same,
            **({"httpEndpoints": same["endpoints"]} if stored else {}),
            "caFile": "/etc/etcd/ca.crt",
            "certFile": "",
            "keyFile": "",
        }
    }
    assert cluster.etcd.http_endpoints == ("https://10.30.0.5:2379",)


def test_slashes_too_many_hide_no_file() -> None:
    """Go takes two of them at the beginning for one, Python keeps them."""
    cluster = loads(V1BETA4.replace("VERSION", "v1.34.4").replace("/etc/etcd/ca.crt", "//etc//etcd/./ca.crt"))
    volumes = thaw(control_plane.kube_apiserver(cluster, cluster.nodes[0]))["spec"]["volumes"]

    assert "/etc/etcd" in [volume["hostPath"]["path"] for volume in volumes]
