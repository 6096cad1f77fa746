"""The machine chapters carried out: the real scripts on directories, archives and sockets of the test's own."""

import hashlib
import io
import os
import shutil
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest
from clusters import ipv6_cluster, lab_cluster

from hardway.chapters.components import COMPONENTS, Component
from hardway.chapters.install_components import environment, script
from hardway.chapters.load_balancer import haproxy
from hardway.chapters.network import routes
from hardway.chapters.preflight import AVAILABLE
from hardway.chapters.preflight import script as preflight_script
from hardway.chapters.preflight_system import proxies, verification
from hardway.chapters.preflight_table import questions
from hardway.chapters.readiness import resolve
from hardway.chapters.sysctls import SYSCTLS
from hardway.errors import REFUSED
from hardway.model import Cluster, DownloadSource
from hardway.model.dns import Record
from hardway.steps import Severity, lower_all

BY_NAME = {component.name: component for component in COMPONENTS}


def bash(text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A script as the engine runs it."""
    return subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + text],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environ},
    )


def ask(text: str, **environ: str) -> tuple[int, str]:
    """A check as the engine asks it: its answer and its one line."""
    done = subprocess.run(
        ["bash", "-c", "set -u\n" + text],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environ},
    )
    return done.returncode, done.stdout.strip()


def program(version_line: str) -> bytes:
    return f"#!/bin/sh\necho '{version_line}'\n".encode()


SITE: dict[str, tuple[str, dict[str, bytes]]] = {
    "runc": ("v1.1.12", {"runc": program("runc version 1.1.12")}),
    "kubelet": ("v1.30.4", {"kubelet": program("Kubernetes v1.30.4")}),
    "containerd": (
        "1.7.19",
        {
            "bin/containerd": program("containerd github.com/containerd/containerd v1.7.19 2bf793"),
            "bin/containerd-shim": b"shim",
            "bin/containerd-shim-runc-v2": b"shim 2",
            "bin/ctr": b"ctr",
            "bin/containerd-stress": b"not wanted",
        },
    ),
    "etcd": (
        "v3.5.12",
        {
            "etcd-v3.5.12-linux-amd64/etcd": program("etcd Version: 3.5.12"),
            "etcd-v3.5.12-linux-amd64/etcdctl": b"ctl",
            "etcd-v3.5.12-linux-amd64/etcdutl": b"utl",
        },
    ),
    "cni-plugins": (
        "v1.4.0",
        {
            "./bandwidth": b"bandwidth",
            "./bridge": b"#!/bin/sh\necho 'CNI bridge plugin v1.4.0' >&2\necho 'CNI protocol versions supported: 1.0.0' >&2\n",
            "./loopback": b"loopback",
        },
    ),
}
INSTALLED = {
    "runc": {"runc"},
    "kubelet": {"kubelet"},
    "containerd": {"containerd", "containerd-shim", "containerd-shim-runc-v2", "ctr"},
    "etcd": {"etcd", "etcdctl", "etcdutl"},
    "cni-plugins": {"bandwidth", "bridge", "loopback"},
}


def publish(component: Component, root: Path) -> Path:
    """The release site of one component, with its checksum file in the form that the site has; the download's path."""
    version, members = SITE[component.name]

    def place(text: str) -> Path:
        return root / text.replace("{v}", version).replace("{n}", version.removeprefix("v")).replace("{a}", "amd64")

    target, sums = place(component.file), place(component.checksum)
    target.parent.mkdir(parents=True)
    if component.is_archive:
        with tarfile.open(target, "w:gz") as archive:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o755
                archive.addfile(entry, io.BytesIO(content))
    else:
        target.write_bytes(next(iter(members.values())))
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    listed = f"{'0' * 64}  other.file\n{digest}  {target.name}\n{'1' * 64}  {target.name}.asc\n"
    sums.write_text(f"{digest}\n" if component.name == "kubelet" else listed)
    return target


def install(component: Component, root: Path, into: Path, sha256: str = "") -> subprocess.CompletedProcess[str]:
    """The download script, with the machine's directories moved below `into`."""
    source = DownloadSource(SITE[component.name][0], f"file://{root}", sha256)
    text = script(component, source, "amd64").replace(component.directory, str(into))
    settings = dict(line.split("=", 1) for line in environment(source).replace('"', "").splitlines())
    into.mkdir(exist_ok=True)
    return bash(text, TMPDIR=str(into.parent), **settings)


@pytest.mark.parametrize("name", SITE)
def test_download_installs_what_is_verified(name: str, tmp_path: Path) -> None:
    """Each component comes from its site's own layout, executable; a second run leaves it alone; no rest stays."""
    publish(BY_NAME[name], tmp_path / "site")
    first = install(BY_NAME[name], tmp_path / "site", tmp_path / "bin")
    shutil.rmtree(tmp_path / "site")
    second = install(BY_NAME[name], tmp_path / "site", tmp_path / "bin")

    assert (first.returncode, first.stderr) == (0, "")
    assert {f.name for f in (tmp_path / "bin").iterdir()} == INSTALLED[name]
    assert {oct(f.stat().st_mode & 0o777) for f in (tmp_path / "bin").iterdir()} == {"0o755"}
    assert second.stdout.splitlines()[-1] == "[INFO] already up to date"
    assert [f.name for f in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize("bring", [["cp"], ["cp", "-p"], ["mv"]])
def test_a_binary_that_somebody_brings_later_stays(bring: list[str], tmp_path: Path) -> None:
    """Booting again does not undo an upgrade, though its file is of an older day; what is chosen after it is installed."""
    component, chosen = BY_NAME["kubelet"], tmp_path / "download.env"
    publish(component, tmp_path / "site")
    source = DownloadSource(SITE["kubelet"][0], f"file://{tmp_path}/site")
    text = script(component, source, "amd64").replace(f"{component.folder}/download.env", str(chosen))
    text = text.replace(component.directory, f"{tmp_path}/bin")
    (tmp_path / "bin").mkdir()
    chosen.touch()
    first = bash(text, TMPDIR=str(tmp_path))
    released = tmp_path / "kubelet"
    released.write_bytes(program("Kubernetes v1.31.0"))
    released.chmod(0o755)
    os.utime(released, (0, 0))
    subprocess.run([*bring, released, tmp_path / "bin/kubelet"], check=True)
    boot = bash(text, TMPDIR=str(tmp_path))
    kept = (tmp_path / "bin/kubelet").read_bytes()
    chosen.write_text("chosen anew")
    anew = bash(text, TMPDIR=str(tmp_path))

    assert [done.returncode for done in (first, boot, anew)] == [0, 0, 0]
    assert boot.stdout.splitlines()[-1] == f"[INFO] brought by somebody else since {chosen} was written: it stays"
    assert kept == program("Kubernetes v1.31.0")
    assert anew.stdout.splitlines()[-1] == "[INFO] updated to 1.30.4"
    assert (tmp_path / "bin/kubelet").read_bytes() == program("Kubernetes v1.30.4")


@pytest.mark.parametrize("name", SITE)
@pytest.mark.parametrize("wrong", ["the file", "the checksum file", "the pin"])
def test_nothing_is_installed_that_does_not_fit(name: str, wrong: str, tmp_path: Path) -> None:
    """A changed file, a checksum file that does not name it, or another pin: the script fails and installs nothing."""
    component, site = BY_NAME[name], tmp_path / "site"
    target = publish(component, site)
    if wrong == "the file":
        with target.open("ab") as stream:
            stream.write(b"more")
    if wrong == "the checksum file":
        for file in site.rglob("*"):
            if file.is_file() and file != target:
                file.write_text(f"{'0' * 64}  other.file\n")
    done = install(component, site, tmp_path / "bin", "0" * 64 if wrong == "the pin" else "")

    assert done.returncode != 0
    assert list((tmp_path / "bin").iterdir()) == []
    assert "[INFO] installing" not in done.stdout


def test_the_inventorys_pin_is_enough(tmp_path: Path) -> None:
    """With a pinned checksum the site's checksum file is not asked for."""
    target = publish(BY_NAME["runc"], tmp_path / "site")
    pin = hashlib.sha256(target.read_bytes()).hexdigest()
    (target.parent / "runc.sha256sum").unlink()

    assert install(BY_NAME["runc"], tmp_path / "site", tmp_path / "bin", pin).returncode == 0


@pytest.mark.parametrize("name", ["containerd", "etcd", "cni-plugins"])
def test_an_installation_cut_short_is_done_again(name: str, tmp_path: Path) -> None:
    """However few files were installed, a second run installs the rest: what tells the version comes last."""
    component = BY_NAME[name]
    publish(component, tmp_path / "site")
    source = DownloadSource(SITE[name][0], f"file://{tmp_path}/site")
    text = script(component, source, "amd64").replace(component.directory, f"{tmp_path}/bin")
    (tmp_path / "bin").mkdir()
    cut = text.replace("install -m 755", "[ $((++count)) -lt 2 ] || exit 9\n  install -m 755")
    broken = bash("count=0\n" + cut, TMPDIR=str(tmp_path))
    left = {f.name for f in (tmp_path / "bin").iterdir()}
    again = bash(text, TMPDIR=str(tmp_path))

    assert (broken.returncode, len(left)) == (9, 1)
    assert again.returncode == 0
    assert {f.name for f in (tmp_path / "bin").iterdir()} == INSTALLED[name]


def test_names_are_compared_with_the_inventory() -> None:
    """A name that resolves to the address passes; every other one is told, with what was expected and what was found."""

    def question(*records: tuple[str, str]) -> tuple[int, str]:
        return ask(resolve("", [Record(*record) for record in records], Severity.ERROR).script)

    first, second = ("127.0.0.2", "127.0.0.22"), ("no.such.invalid", "10.0.0.1")
    said = (
        "127.0.0.2 resolves to 127.0.0.2, the inventory says 127.0.0.22",
        "no.such.invalid resolves to nothing, the inventory says 10.0.0.1",
    )

    assert question(("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1")) == (0, "")
    assert question(first) == (1, said[0])
    assert question(("127.0.0.1", "127.0.0.1"), first, second) == (1, "; ".join(said))
    assert question(("127.0.0.22", "127.0.0.2"))[0] == 1
    assert question(("no.such.invalid", "fd00::1")) == (
        1,
        "no.such.invalid resolves to nothing, the inventory says fd00::1",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="/etc/hosts of its own needs root")
def test_a_name_of_two_addresses_is_told_unless_it_is_its_own(tmp_path: Path) -> None:
    """The real resolver reads a real hosts file: a stale second address, and the line that Debian's installer writes."""
    (tmp_path / "hosts").write_text(
        "10.0.0.1 api.test.example\n10.0.0.9 api.test.example\nfd00::1 api.test.example\n"
        "10.0.0.2 me.test.example\n127.0.1.1 me.test.example\n127.0.1.1 you.test.example\n"
    )
    (tmp_path / "host.conf").write_text("multi on\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files\n")

    def question(own: str, *records: tuple[str, str]) -> str:
        text = resolve("", [Record(*record) for record in records], Severity.ERROR, own).script
        mounts = "".join(
            f"mount --bind {tmp_path}/{name} /etc/{name}\n" for name in ("hosts", "host.conf", "nsswitch.conf")
        )
        done = subprocess.run(
            ["unshare", "--mount", "bash", "-c", f"touch /etc/host.conf\n{mounts}\n{text}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.strip()

    api, me, you = ("api.test.example", "10.0.0.1"), ("me.test.example", "10.0.0.2"), ("you.test.example", "10.0.0.3")
    assert question("", api) == "api.test.example resolves to 10.0.0.9, too, the inventory says 10.0.0.1 only"
    assert question(api[0], api, ("api.test.example", "fd00::1")) == ""
    assert question(me[0], me) == ""
    assert question("", me) == "me.test.example resolves to 127.0.1.1, too, the inventory says 10.0.0.2 only"
    assert question(you[0], you) == "you.test.example resolves to 127.0.1.1, the inventory says 10.0.0.3"


def test_preflight_answers_in_one_line() -> None:
    """Each question of the table exits 0 or 1, and says in one line why it is a no."""
    for cluster in (lab_cluster(), ipv6_cluster()):
        for node in cluster.kubernetes_nodes:
            for check in questions(cluster, node):
                code, said = ask(check.script)

                assert code in (0, 1), check.key
                assert (len(said.splitlines()) == 1) == bool(code), f"{check.key}: {said}"


def test_preflight_tells_every_no_at_once(tmp_path: Path) -> None:
    """The gate lists all failing questions, each with kubeadm's name."""
    cluster = lab_cluster()
    node = cluster.first_control_plane
    done = bash(preflight_script(cluster, node), PATH=f"{tmp_path}:/usr/bin:/bin")
    failing = [c.key for c in questions(cluster, node) if c.severity is Severity.ERROR and ask(c.script)[0]]
    told = [line.split("]")[0].removeprefix("[ERROR ") for line in done.stdout.splitlines() if line.startswith("[")]

    in_the_way = any(key.startswith(AVAILABLE) for key in told)
    assert done.returncode == (REFUSED if in_the_way else 1 if told else 0)
    assert set(failing) <= set(told)


def rooted(text: str, root: Path) -> str:
    """The question, about files below another root."""
    return text.replace("/etc/kubernetes", f"{root}/etc/kubernetes").replace("/var/lib/etcd", f"{root}/etcd")


@pytest.mark.parametrize("conf", ["kubelet.conf", "bootstrap-kubelet.conf"])
@pytest.mark.parametrize("host", ["master-1", "master-2", "worker-1"])
def test_preflight_knows_its_own_cluster(conf: str, host: str, tmp_path: Path) -> None:
    """Files of this cluster are no obstacle on a second run; those of another cluster are, as with kubeadm.

    From 1.33 on a master's kubelet talks to the API server of its own machine.
    """
    cluster = lab_cluster()
    node = cluster.node(host)
    folder = tmp_path / "etc/kubernetes"
    (folder / "manifests").mkdir(parents=True)
    (folder / "pki").mkdir()
    (tmp_path / "etcd/member").mkdir(parents=True)
    for name in ("kubelet.conf", "manifests/etcd.yaml", "pki/ca.crt"):
        (folder / name).write_text("")

    def refused() -> set[str]:
        asked = [c for c in questions(cluster, node) if c.key.startswith(("FileAvailable", "DirAvailable"))]
        return {c.key for c in asked if ask(rooted(c.script, tmp_path))[0] == 1}

    foreign = "    server: https://api.elsewhere.example.com:6443\n"
    ours = foreign.replace("elsewhere", "my-first-cluster")
    (folder / conf).write_text(foreign)
    before = refused()
    (folder / conf).write_text(ours)

    kubelet = "FileAvailable--etc-kubernetes-kubelet.conf"
    both = {"FileAvailable--etc-kubernetes-manifests-etcd.yaml", "DirAvailable--var-lib-etcd"}
    bootstrap = {"FileAvailable--etc-kubernetes-bootstrap-kubelet.conf"} if conf.startswith("boot") else set()
    assert (
        before
        == {
            "master-1": both,
            "master-2": {kubelet, *both} | bootstrap,
            "worker-1": {kubelet, "FileAvailable--etc-kubernetes-pki-ca.crt"} | bootstrap,
        }[host]
    )
    assert refused() == set()
    (folder / conf).write_text(f"    server: https://{node.address}:6443\n")
    assert refused() == (set() if node.is_control_plane else before)


def test_an_interrupted_discovery_is_no_obstacle(tmp_path: Path) -> None:
    """A lone CA on a worker is what discovery left; whether it is the right one, discovery asks."""
    cluster = lab_cluster()
    (tmp_path / "etc/kubernetes/pki").mkdir(parents=True)
    (tmp_path / "etc/kubernetes/pki/ca.crt").write_text("")
    (ca,) = [c for c in questions(cluster, cluster.node("worker-1")) if c.key.endswith("pki-ca.crt")]

    assert ask(rooted(ca.script, tmp_path)) == (0, "")


def test_a_taken_port_is_told() -> None:
    """Port-N says no while somebody listens, on any address, in any family."""
    cluster = lab_cluster()
    node = cluster.first_control_plane
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (check,) = [c for c in questions(cluster, node) if c.key == "Port-6443"]
        script_text = check.script.replace(":6443'", f":{port}'")
        taken = ask(script_text)
    free = ask(script_text)

    assert taken == (1, "it is in use")
    assert free == (0, "")


def test_kernel_options_that_are_missing_are_named(tmp_path: Path) -> None:
    """The kernel's configuration is read, plain or packed; an option may have its older name."""
    given = tmp_path / "config"
    text = verification().script.replace("/proc/config.gz", str(given))
    here = subprocess.run(["zcat", "-f", "/proc/config.gz"], capture_output=True, text=True, check=False).stdout
    if not here:
        pytest.skip("this kernel does not tell its configuration")
    given.write_text(here)
    whole = ask(text)
    lacking = here.replace("CONFIG_NET_NS=y", "# CONFIG_NET_NS is not set").replace("CONFIG_MEMCG=y", "")
    given.write_text(lacking)

    assert whole == ask(verification().script)
    assert ask(text) == (1, "the kernel lacks NET_NS MEMCG")


@pytest.mark.parametrize(
    ("no_proxy", "warned"),
    [
        ("", ["HTTPProxy", "HTTPProxyCIDR"]),
        ("localhost,api.my-first-cluster.example.com", ["HTTPProxy", "HTTPProxyCIDR"]),
        ("10.30.0.11", ["HTTPProxyCIDR"]),
        ("10.0.0.0/8", []),
        ("*", []),
    ],
)
def test_proxies_are_warned_of(no_proxy: str, warned: list[str]) -> None:
    """A proxy without an exception for the cluster's own addresses is a warning; no proxy is none."""
    cluster = lab_cluster()
    asked = list(proxies(cluster, cluster.first_control_plane))

    def said(**environ: str) -> list[str]:
        return [c.key for c in asked if ask(c.script, **environ)[0]]

    assert said(HTTPS_PROXY="http://proxy:3128", NO_PROXY=no_proxy) == warned
    assert said(HTTPS_PROXY="", https_proxy="") == []


def test_sysctls_read_their_files_back() -> None:
    """The guard names the first key that is not 1."""
    cluster = lab_cluster()
    (check,) = SYSCTLS.checks(cluster, cluster.nodes[0])
    wanted = check.script.replace("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/no_such_key")

    assert ask(wanted)[0] == 1
    assert list(lower_all(SYSCTLS.steps(cluster, cluster.nodes[0])))[-1].step == "sysctls/apply"


@pytest.mark.parametrize("cluster", [lab_cluster(), ipv6_cluster()], ids=["ipv4", "ipv6"])
def test_routes_and_masquerading_in_a_network_of_their_own(cluster: Cluster, tmp_path: Path) -> None:
    """The script of routes, run twice in an empty network namespace, leaves each route and one rule."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    node = cluster.first_control_plane
    six = ":" in node.address
    link = f"{node.address}/{64 if six else 24}"
    (tmp_path / "routes.sh").write_text(routes(cluster, node))
    family, tables = ("-6", "ip6tables") if six else ("-4", "iptables")
    done = bash(
        "unshare --net bash -euc '"
        "ip link add eth0 type veth peer name far; ip link set far up\n"
        f"ip addr add {link} dev eth0 {'nodad' if six else ''}; ip link set eth0 up\n"
        f"sh {tmp_path}/routes.sh; sh {tmp_path}/routes.sh\n"
        f"ip {family} route show; {tables} -t nat -S POSTROUTING'"
    )
    others = [other for other in cluster.kubernetes_nodes if other != node]

    assert done.returncode == 0, done.stderr
    assert [o.host_name for o in others if f"{o.pod_cidr} via {o.address} " not in done.stdout] == []
    assert done.stdout.count("MASQUERADE") == 1


@pytest.mark.parametrize("cluster", [lab_cluster(), ipv6_cluster()], ids=["ipv4", "ipv6"])
def test_haproxy_reads_its_configuration(cluster: Cluster, tmp_path: Path) -> None:
    """haproxy itself finds no fault with the file."""
    (tmp_path / "haproxy.cfg").write_text(haproxy(cluster))

    assert bash(f"haproxy -c -f {tmp_path}/haproxy.cfg").returncode == 0
