"""The real containerd, curl and apt read what we write: hosts.toml with its CAs, and the proxies' file."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, socket
from types import MappingProxyType

import pytest
from sides import example

from built import binaries
from hardway.chapters import proxy, registries
from hardway.chapters.components import COMPONENTS
from hardway.chapters.install_components import script
from hardway.config import load
from hardway.errors import LabError
from hardway.lab.images import Ctr, private_containerd
from hardway.lab.mirror import MirrorServer
from hardway.lab.oci import Entry, Image, write_archive
from hardway.lab.registry import lay_out
from hardway.lab.tls import mint_tls
from hardway.model import Cluster, DownloadSource, OsFamily, Proxy, Registry, RegistryMirror
from hardway.steps import File, Packages, Run, lower

pytestmark = pytest.mark.parity

HOST = "mirror.proxied.test"
"""Resolved by the proxy alone."""
IMAGE = "registry.k8s.io/thing:v1"


class Tunnel(BaseHTTPRequestHandler):
    """A proxy that leads every CONNECT to one port of this machine, and writes down what it is asked."""

    port: int
    asked: list[str]

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        with create_connection(("127.0.0.1", self.port)) as other:
            back = threading.Thread(target=_copy, args=(other, self.connection))
            back.start()
            _copy(self.connection, other)
            back.join()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _copy(source: socket, target: socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(1)
    except OSError:
        return


@dataclass(frozen=True)
class Site:
    """A mirror with TLS of its own CA, and a proxy that reaches it under a name that nobody else knows."""

    port: int
    ca: Path
    proxy: Proxy
    asked: list[str] = field(default_factory=list)


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[int]:
    """The server's port, while it answers."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "root/runc").mkdir(parents=True)
    write_archive(Image(IMAGE, (Entry("who", b"thing"),)), folder / "thing.tar")
    lay_out(folder / "thing.tar", folder / "root/v2")
    tls = mint_tls(folder / "tls", (HOST, "127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    asked: list[str] = []
    with served(MirrorServer(("127.0.0.1", 0), [folder / "root"], context)) as port:
        handler = type("Handler", (Tunnel,), {"port": port, "asked": asked})
        with served(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as tunnel:
            url = f"http://127.0.0.1:{tunnel}"
            yield Site(port, tls.ca, Proxy(url, url, ("localhost", ".svc", ".direct.test")), asked)


@pytest.fixture(scope="module")
def ctr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctr]:
    """The client of a real containerd, which reads hosts.toml by the same code."""
    with private_containerd(binaries(), tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("c")) as client:
        yield client


def lay_down(cluster: Cluster, folder: Path) -> Path:
    """certs.d of a cluster below another directory."""
    for step in registries.steps(cluster):
        if isinstance(step, File):
            path = folder / Path(step.path).relative_to(registries.CERTS)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.content.replace(registries.CERTS, str(folder)))
    return folder


def pull(ctr: Ctr, site: Site, folder: Path, mirror: RegistryMirror, fallback: bool = False) -> None:
    """Pull the image with one mirror; LabError with containerd's words when that fails."""
    cluster = replace(load(example("lab")), registries=(Registry("registry.k8s.io", (mirror,), fallback),))
    certs = lay_down(cluster, folder / "certs")
    ctr("images", "pull", "--hosts-dir", str(certs), "--snapshotter", "native", IMAGE)
    assert IMAGE in ctr("images", "ls", "-q").split()
    ctr("images", "rm", "--sync", IMAGE)


def test_the_mirrors_ca_counts(site: Site, ctr: Ctr, tmp_path: Path) -> None:
    """With its CA the mirror is believed; without it is refused; skipVerify is what it says."""
    url = f"https://127.0.0.1:{site.port}/v2/registry.k8s.io"
    known = RegistryMirror(url, site.ca.read_text(), override_path=True)
    pull(ctr, site, tmp_path / "ca", known)
    with pytest.raises(LabError, match="x509"):
        pull(ctr, site, tmp_path / "unknown", replace(known, ca=""))
    pull(ctr, site, tmp_path / "skipped", replace(known, ca="", skip_verify=True))
    with pytest.raises(LabError):
        # Without override_path containerd asks below .../registry.k8s.io/v2.
        pull(ctr, site, tmp_path / "path", replace(known, override_path=False))


def test_containerd_goes_through_the_proxy(
    site: Site, ctr: Ctr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variables of our file the mirror is reached by a name that only the proxy knows; NO_PROXY is gone around."""
    for name, value in site.proxy.environment.items():
        monkeypatch.setenv(name, value)
    mirror = RegistryMirror(f"https://{HOST}/v2/registry.k8s.io", site.ca.read_text(), override_path=True)
    site.asked.clear()
    pull(ctr, site, tmp_path / "through", mirror)
    assert set(site.asked) == {f"{HOST}:443"}

    site.asked.clear()
    with pytest.raises(LabError, match="lookup"):
        pull(ctr, site, tmp_path / "around", replace(mirror, url="https://mirror.direct.test"))
    assert site.asked == []


def environment_file(site: Site, folder: Path) -> Path:
    """What a node has as /etc/default/hardway-proxy."""
    path = folder / "hardway-proxy"
    path.write_text(proxy.environment(replace(load(example("lab")), proxy=site.proxy)))
    return path


def test_downloads_go_through_the_proxy(site: Site, tmp_path: Path) -> None:
    """The install script, started with our file as systemd would, asks the proxy; for an exception it does not."""
    component = next(one for one in COMPONENTS if one.name == "runc")
    settings = environment_file(site, tmp_path)
    for host, through in ((HOST, True), ("mirror.direct.test", False)):
        (tmp_path / "install.sh").write_text(script(component, DownloadSource("v9", f"https://{host}"), "amd64"))
        site.asked.clear()
        text = f"set -a; . {settings}; set +a; logger() {{ :; }}; export -f logger; bash {tmp_path}/install.sh"
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)

        assert done.returncode != 0, "there is nothing to be had"
        assert (f"{host}:443" in site.asked) is through, done.stderr


def test_packages_go_through_the_proxy(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """apt, run by our step, asks the proxy for a source; for an exception it does not."""
    for name in ("lists/partial", "cache/archives/partial", "etc"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "apt.conf").write_text(
        f'Dir::State "{tmp_path}"; Dir::Cache "{tmp_path}/cache"; Dir::Etc "{tmp_path}/etc";\n'
        'APT::Sandbox::User "root"; Debug::NoLocking "true"; Acquire::Retries "0";\n'
        f'Dir::State::status "{tmp_path}/status"; DPkg::Post-Invoke {{}}; APT::Update::Post-Invoke {{}};\n'
    )
    (tmp_path / "status").touch()
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    step = Packages("p", ("no-such-package",), OsFamily.DEBIAN, str(environment_file(site, tmp_path)))
    (run,) = lower(step)
    assert isinstance(run, Run)
    for host, through in ((HOST, True), ("mirror.direct.test", False)):
        (tmp_path / "etc/sources.list").write_text(f"deb [trusted=yes] https://{host}/debian ./\n")
        site.asked.clear()
        done = subprocess.run(["bash", "-c", run.script], capture_output=True, text=True, check=False)

        assert (f"{host}:443" in site.asked) is through, done.stdout + done.stderr


def test_both_spellings_and_nothing_without_a_proxy() -> None:
    """apt and curl read the small names, Go either; where there is no proxy there is no file."""
    some = replace(load(example("lab")), proxy=Proxy("http://p:1", "http://p:2", ("localhost",)))

    assert proxy.environment(some).splitlines() == [
        'HTTPS_PROXY="http://p:2"',
        'https_proxy="http://p:2"',
        'HTTP_PROXY="http://p:1"',
        'http_proxy="http://p:1"',
        'NO_PROXY="localhost"',
        'no_proxy="localhost"',
    ]
    assert MappingProxyType(dict(Proxy().environment)) == {}
    assert proxy.env_file(load(example("lab"))) == ""
