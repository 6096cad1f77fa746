"""Bundles: what is collected, that nothing damaged or forged gets in or out, and how nodes get it. No lab."""

import asyncio
import hashlib
import json
import os
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import pytest
from clusters import lab_cluster

from hardway.bundle import fetch
from hardway.bundle.contents import MANIFEST, downloads, image_path, images_of, needed
from hardway.bundle.create import create
from hardway.bundle.oci import DOCKER_LIST, Archive, digest, reference, to_json
from hardway.bundle.opened import opened, verify
from hardway.bundle.use import Brought, use
from hardway.chapters.bundled_images import step
from hardway.chapters.components import BROUGHT, COMPONENTS
from hardway.chapters.install_components import script
from hardway.engine.exec import Exec
from hardway.engine.run import Session
from hardway.engine.transport import receiving
from hardway.errors import HardwayError, Refused, UsageError
from hardway.lab.mirror import MirrorServer
from hardway.lab.oci import Entry, Image, write_archive
from hardway.lab.registry import lay_out
from hardway.lab.tls import Tls, mint_tls
from hardway.model import Cluster, DownloadSource, Node, Registry, RegistryMirror
from hardway.steps import Run, lower

SITE = "github.com/opencontainers/runc/releases/download"
RUNC = b"#!/bin/sh\necho runc version 1.1.12\n"


def silent(line: str) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Site:
    """A mirror as the lab has it: a release site and a registry behind TLS."""

    root: Path
    url: str
    tls: Tls
    cluster: Cluster
    """Its nodes want runc and the images of kubeadm."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    root = tmp_path / "site"
    (root / SITE / "v1.1.12").mkdir(parents=True)
    (root / SITE / "v1.1.12/runc.amd64").write_bytes(RUNC)
    other = hashlib.sha256(b"").hexdigest()
    line = f"{other}  runc.386\n{hashlib.sha256(RUNC).hexdigest()}  runc.amd64\n"
    (root / SITE / "v1.1.12/runc.sha256sum").write_text(line)
    cluster = replace(lab_cluster(), downloads=MappingProxyType({}))
    for name in images_of(cluster, cluster.first_control_plane):
        archive = tmp_path / "image.tar"
        write_archive(Image(str(name), (Entry("who", str(name).encode()),)), archive)
        lay_out(archive, root / "v2")
    tls = mint_tls(tmp_path / "tls", ("127.0.0.1",))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    with MirrorServer(("127.0.0.1", 0), [root], context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"https://127.0.0.1:{server.server_port}"
        mirror = RegistryMirror(f"{url}/v2/registry.k8s.io", tls.ca.read_text(), override_path=True)
        source = DownloadSource("v1.1.12", f"{url}/{SITE}")
        yield Site(
            root,
            url,
            tls,
            replace(
                cluster,
                downloads=MappingProxyType({"runc": source}),
                registries=(Registry("registry.k8s.io", (mirror,), fallback=False),),
            ),
        )
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("flannel/flannel:v0.25", "docker.io/flannel/flannel:v0.25"),
        ("registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
        (f"quay.io/a@sha256:{'0' * 64}", f"quay.io/a@sha256:{'0' * 64}"),
    ],
)
def test_names_are_completed_as_containerd_does(text: str, full: str) -> None:
    """Short names get registry, library and tag; a digest stands for itself."""
    assert str(reference(text)) == full
    assert str(reference(full)) == full


@pytest.mark.parametrize("text", ["", "A/b", "a b", "registry.k8s.io/", "a:b:c", "../x"])
def test_other_words_are_no_images(text: str) -> None:
    """A word that names no image is refused before anything is asked."""
    with pytest.raises(UsageError):
        reference(text)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_names_for_both_architectures(component: object) -> None:
    """Archive and checksum names follow the architecture; nothing of amd64 is left in those of arm64."""
    assert component in COMPONENTS
    one = next(item for item in COMPONENTS if item is component)
    amd, arm = (one.paths("v1.2.3", arch) for arch in ("amd64", "arm64"))

    assert [path.replace("amd64", "arm64") for path in amd] == list(arm)
    assert "arm64" in arm[0]
    assert "amd64" not in "".join(arm)
    assert "{" not in "".join((*amd, *arm))
    text = script(one, DownloadSource("v1.2.3", "https://example.com"), "arm64")
    assert "arm64" in text.split('url="')[1].splitlines()[0]
    assert "amd64" not in text


def test_release_names_are_upstreams() -> None:
    """The names as the projects' own release scripts make them."""
    versions = {
        "containerd": "1.7.19",
        "etcd": "v3.5.12",
        "runc": "v1.1.12",
        "cni-plugins": "v1.4.0",
        "crictl": "v1.30.0",
    }
    found = {one.name: one.paths(versions.get(one.name, "v1.30.4"), "arm64") for one in COMPONENTS}

    assert found == {
        "runc": ("v1.1.12/runc.arm64", "v1.1.12/runc.sha256sum"),
        "containerd": (
            "v1.7.19/containerd-1.7.19-linux-arm64.tar.gz",
            "v1.7.19/containerd-1.7.19-linux-arm64.tar.gz.sha256sum",
        ),
        "etcd": ("v3.5.12/etcd-v3.5.12-linux-arm64.tar.gz", "v3.5.12/SHA256SUMS"),
        "crictl": ("v1.30.0/crictl-v1.30.0-linux-arm64.tar.gz", "v1.30.0/crictl-v1.30.0-linux-arm64.tar.gz.sha256"),
        "cni-plugins": (
            "v1.4.0/cni-plugins-linux-arm64-v1.4.0.tgz",
            "v1.4.0/cni-plugins-linux-arm64-v1.4.0.tgz.sha256",
        ),
        **{
            name: (f"v1.30.4/bin/linux/arm64/{name}", f"v1.30.4/bin/linux/arm64/{name}.sha256")
            for name in ("kubelet", "kubectl", "kubeadm")
        },
    }


def test_a_bundle_holds_what_every_node_needs(site: Site, tmp_path: Path) -> None:
    """Components with their checksum files and images, each with its sum; the same again when it is made again."""
    target = tmp_path / "bundle.tar"
    manifest = create(site.cluster, target, silent)
    first = target.read_bytes()
    wanted = {path for node in site.cluster.kubernetes_nodes for path in needed(site.cluster, node)}

    assert set(manifest.files) == wanted
    assert len([path for path in wanted if path.startswith("images/")]) == 7
    with opened(target) as bundle:
        verify(bundle, f"sha256:{bundle.digest}")
        assert bundle.manifest == manifest
        path = image_path(reference("registry.k8s.io/pause:3.9"), "amd64")
        with bundle.open(path) as content, tarfile.open(fileobj=content) as tar:
            assert str(Archive(tar).name) == "registry.k8s.io/pause:3.9"
    create(site.cluster, target, silent)
    assert target.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir() if "bundle" in path.name) == ["bundle.tar"]


def test_workers_get_no_images_of_the_control_plane(site: Site) -> None:
    """A worker is sent what it runs, a balancer nothing."""
    cluster = site.cluster

    assert {str(name).split("/")[-1] for name in images_of(cluster, cluster.workers[0])} == {
        "kube-proxy:v1.30.4",
        "coredns:v1.11.1",
        "pause:3.9",
    }
    assert needed(cluster, cluster.balancers[0]) == ()


def test_a_directory_is_continued_and_cleaned(site: Site, tmp_path: Path) -> None:
    """A file that fits is not fetched again, what does not belong to the bundle goes, somebody else's directory stays."""
    target = tmp_path / "bundle"
    create(site.cluster, target, silent)
    runc = target / downloads(site.cluster, site.cluster.first_control_plane)[0].path
    before = runc.stat().st_ino
    (target / "images/old.tar").write_text("of another version")
    create(site.cluster, target, silent)

    assert runc.stat().st_ino == before
    assert not (target / "images/old.tar").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError):
        create(site.cluster, other, silent)


def test_what_cannot_be_written_is_a_sentence(site: Site, tmp_path: Path) -> None:
    """A place where nothing can be put is no reason for a traceback."""
    (tmp_path / "file").write_text("in the way")
    for target in (tmp_path / "file/bundle", tmp_path / "file/bundle.tar", Path("/proc/bundle")):
        with pytest.raises(HardwayError, match="cannot be written"):
            create(site.cluster, target, silent)
    with pytest.raises(UsageError):
        create(site.cluster, tmp_path / "file", silent)


def test_a_changed_site_is_noticed_where_a_sum_is_pinned(site: Site, tmp_path: Path) -> None:
    """File and checksum file changed together: the site's own sum cannot tell, a pinned one can."""
    good = hashlib.sha256(RUNC).hexdigest()
    folder = site.root / SITE / "v1.1.12"
    (folder / "runc.amd64").write_bytes(b"forged")
    with pytest.raises(HardwayError, match="SHA-256"):
        create(site.cluster, tmp_path / "one", silent)
    (folder / "runc.sha256sum").write_text(f"{hashlib.sha256(b'forged').hexdigest()}  runc.amd64\n")
    create(site.cluster, tmp_path / "two", silent)
    pinned = replace(site.cluster.downloads["runc"], sha256=good)
    with pytest.raises(HardwayError, match="SHA-256"):
        create(replace(site.cluster, downloads=MappingProxyType({"runc": pinned})), tmp_path / "three", silent)


def test_a_forged_layer_does_not_get_in(site: Site, tmp_path: Path) -> None:
    """What a registry sends is compared with the digest that the manifest names."""
    for blob in (site.root / "v2/registry.k8s.io/pause/blobs").iterdir():
        blob.write_bytes(b"forged")
    with pytest.raises(HardwayError, match="no registry gives it") as caught:
        create(site.cluster, tmp_path / "bundle", silent)

    assert "SHA-256" in caught.value.output


def change(bundle: Path, name: str, edit: Callable[[bytes], bytes]) -> None:
    """Change one file of a bundle, directory or tar."""
    if bundle.is_dir():
        (bundle / name).write_bytes(edit((bundle / name).read_bytes()))
        return
    folder = bundle.with_suffix(".work")
    with tarfile.open(bundle) as archive:
        archive.extractall(folder, filter="data")
    change(folder, name, edit)
    with tarfile.open(bundle, "w") as archive:
        archive.add(folder, ".", recursive=False)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.add(path, str(path.relative_to(folder)))


@pytest.mark.parametrize("target", ["bundle", "bundle.tar"])
def test_a_tampered_bundle_is_refused(site: Site, tmp_path: Path, target: str) -> None:
    """A changed file, a missing one, a manifest that was changed with it: exit code 6, and the file is named."""
    path = tmp_path / target
    create(site.cluster, path, silent)
    with opened(path) as bundle:
        digest = bundle.digest
    runc = "downloads/runc/v1.1.12/runc.amd64"
    change(path, runc, lambda content: content + b"\n")
    with opened(path) as bundle, pytest.raises(Refused) as caught:
        verify(bundle)
    assert caught.value.exit_code == 6
    assert runc in caught.value.output

    good, forged = (hashlib.sha256(content).hexdigest() for content in (RUNC, RUNC + b"\n"))
    change(path, MANIFEST, lambda content: content.replace(good.encode(), forged.encode()))
    with opened(path) as bundle:
        verify(bundle)
        with pytest.raises(Refused, match="not sha256:"):
            verify(bundle, f"sha256:{digest}")
    change(path, MANIFEST, lambda content: content.replace(b"runc.amd64", b"runc.amd65"))
    with opened(path) as bundle, pytest.raises(Refused, match="lacks"):
        verify(bundle)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "downloads/../../x", "images/../../../x", "manifest.json", "images/a\nb"]
)
def test_a_manifest_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    """Names of files stay within the bundle, here and on the nodes."""
    entry = {"sha256": "0" * 64, "size": 1, "source": ""}
    value = {"apiVersion": "hardway.dev/v1alpha1", "kind": "Bundle", "kubernetesVersion": "v1.30.4", "images": []}
    (tmp_path / MANIFEST).write_text(json.dumps({**value, "files": {path: entry}}))

    with pytest.raises(UsageError, match="this is no bundle"), opened(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"\0" * 2048, b"{}", b"not a tar at all" * 100])
def test_other_files_are_no_bundles(tmp_path: Path, content: bytes) -> None:
    """Whatever is given, the answer is a sentence."""
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(UsageError), opened(tmp_path / "x.tar"):
        pass
    with pytest.raises(UsageError), opened(tmp_path / "none"):
        pass


class TokenRegistry(BaseHTTPRequestHandler):
    """A registry that wants a token, has an image for two architectures, and sends to another host for blobs."""

    files: dict[str, tuple[str, bytes]]
    seen: list[str]

    def do_GET(self) -> None:
        host = f"http://{self.headers['Host']}"
        authorization = self.headers.get("Authorization", "")
        self.seen.append(f"{self.path} {authorization}".strip())
        if self.path.startswith("/token?"):
            return self._answer("application/json", b'{"token": "open"}')
        if self.path.startswith("/elsewhere/"):
            return self._answer(*self.files[self.path.removeprefix("/elsewhere")])
        if authorization != "Bearer open":
            challenge = f'Bearer realm="{host}/token",service="here",scope="repository:a:pull"'
            return self._answer("text/plain", b"", 401, {"WWW-Authenticate": challenge})
        if "/blobs/" in self.path:
            return self._answer("text/plain", b"", 307, {"Location": f"{host}/elsewhere{self.path}"})
        return self._answer(*self.files[self.path])

    def _answer(self, kind: str, content: bytes, code: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_public_registries_tokens_lists_and_redirects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An anonymous token is fetched, the architecture chosen from the list; the token goes to no other place."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    files: dict[str, tuple[str, bytes]] = {}
    entries = []
    for arch in ("amd64", "arm64"):
        config = to_json({"architecture": arch})
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = to_json(
            {"schemaVersion": 2, "mediaType": kind, "config": {"digest": digest(config)}, "layers": []}
        )
        files[f"/v2/a/blobs/{digest(config)}"] = ("application/octet-stream", config)
        files[f"/v2/a/manifests/{digest(manifest)}"] = (kind, manifest)
        entries.append({"digest": digest(manifest), "platform": {"os": "linux", "architecture": arch}})
    files["/v2/a/manifests/v1"] = (DOCKER_LIST, to_json({"mediaType": DOCKER_LIST, "manifests": entries}))
    seen: list[str] = []
    handler = type("Handler", (TokenRegistry,), {"files": files, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            mirror = RegistryMirror(f"http://127.0.0.1:{server.server_port}")
            registries = {"r.example": Registry("r.example", (mirror,), fallback=False)}
            fetch.image(reference("r.example/a:v1"), "arm64", registries, tmp_path / "a.tar")
            with pytest.raises(HardwayError, match="no registry"):
                fetch.image(reference("r.example/a:v1"), "s390x", registries, tmp_path / "b.tar")
        finally:
            server.shutdown()
            thread.join()

    with tarfile.open(tmp_path / "a.tar") as tar:
        assert Archive(tar).described["digest"] == entries[1]["digest"]
    assert [line for line in seen if line.startswith("/elsewhere") and "Bearer" in line] == []
    assert any(line.startswith("/v2/a/blobs") and line.endswith("Bearer open") for line in seen)


@pytest.mark.parametrize("password", ["", "open sesame"])
def test_data_behind_a_line(tmp_path: Path, password: str) -> None:
    """The first line is run, and has all that follows as its standard input; a password that nobody wanted is skipped."""
    payload = b"\0\n# the script begins\n" + bytes(range(256)) * 1000
    command, head = receiving(f"cat >{tmp_path}/out; echo done >{tmp_path}/end", password)
    subprocess.run(["sh", "-c", command], input=head + payload, check=True)

    assert (tmp_path / "out").read_bytes() == payload
    assert (tmp_path / "end").read_text() == "done\n"
    assert password == "" or password not in command


ENTER = 'mkdir -p /var/cache/hardway && mount --bind "$0" /var/cache/hardway && exec bash -c "$1"'


def bring(site: Site, path: Path, folder: Path) -> list[Brought]:
    """`bundle use` for the first master and the worker, each with a /var/cache/hardway of its own on this machine."""
    cluster = site.cluster

    async def connect(node: Node) -> Exec:
        home = folder / node.host_name
        home.mkdir(parents=True, exist_ok=True)
        enter = ["unshare", "-m", "sh", "-c", ENTER, str(home)]
        return Exec([*enter, "source <(cat)"], node.name, receive=[*enter, 'IFS= read -r script && eval "$script"'])

    async def run() -> list[Brought]:
        session = Session(cluster, (cluster.first_control_plane, *cluster.workers, *cluster.balancers), {}, connect)
        with opened(path) as bundle:
            return await use(session, bundle, silent)

    return asyncio.run(run())


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
@pytest.mark.parametrize("target", ["bundle", "bundle.tar"])
def test_nodes_get_what_they_need_and_lack(site: Site, tmp_path: Path, target: str) -> None:
    """Each node has its files and a list of images; a second time nothing is sent; what was lost is sent again."""
    create(site.cluster, tmp_path / target, silent)
    first = bring(site, tmp_path / target, tmp_path / "nodes")
    home = tmp_path / "nodes/master-1"

    assert [(row.node.split(".")[0], row.files, row.sent) for row in first] == [
        ("master-1", 9, 9),
        ("worker-1", 5, 5),
    ]
    assert (home / "downloads/runc/v1.1.12/runc.amd64").read_bytes() == RUNC
    rows = [line.split() for line in (home / "images/list").read_text().splitlines()]
    assert [name for name, _ in rows] == [str(n) for n in images_of(site.cluster, site.cluster.first_control_plane)]
    assert all((home / "images" / archive).is_file() for _, archive in rows)
    assert not (home / "incoming").exists()
    assert [row.sent for row in bring(site, tmp_path / target, tmp_path / "nodes")] == [0, 0]
    (home / "downloads/runc/v1.1.12/runc.amd64").write_bytes(b"damaged")
    assert [row.sent for row in bring(site, tmp_path / target, tmp_path / "nodes")] == [1, 0]


def test_a_bundle_of_another_cluster_is_not_used(site: Site, tmp_path: Path) -> None:
    """A bundle that lacks what the nodes need is wrong input, and every missing file is named."""
    create(site.cluster, tmp_path / "bundle", silent)
    other = replace(site.cluster, pause_image="registry.k8s.io/pause:3.10")
    with pytest.raises(UsageError) as caught:
        bring(replace(site, cluster=other), tmp_path / "bundle", tmp_path / "nodes")

    assert caught.value.output == "images/registry.k8s.io_pause_3.10-amd64.tar"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_the_install_script_takes_what_a_bundle_brought(site: Site, tmp_path: Path) -> None:
    """Without any network the component is installed from the cache, and its checksum still has to fit."""
    create(site.cluster, tmp_path / "bundle", silent)
    bring(site, tmp_path / "bundle", tmp_path / "nodes")
    component = next(one for one in COMPONENTS if one.name == "runc")
    text = script(component, DownloadSource("v1.1.12", "https://192.0.2.1/none"), "amd64")
    text = text.replace("/usr/local/bin", str(tmp_path / "bin")).replace(BROUGHT, str(tmp_path / "nodes/worker-1"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/logger").write_text("#!/bin/sh\n")
    (tmp_path / "bin/logger").chmod(0o755)
    (tmp_path / "install.sh").write_text(text)

    def install() -> int:
        argv = ["unshare", "-n", "bash", str(tmp_path / "install.sh")]
        return subprocess.run(argv, capture_output=True, check=False).returncode

    assert install() == 0
    assert (tmp_path / "bin/runc").read_bytes() == RUNC
    (tmp_path / "bin/runc").unlink()
    (tmp_path / "nodes/worker-1/downloads/runc/v1.1.12/runc.amd64").write_bytes(b"damaged")
    assert install() != 0
    assert not (tmp_path / "bin/runc").exists()


def test_nothing_to_import_without_a_bundle(tmp_path: Path) -> None:
    """The guard says yes at once where no bundle was used, and says which image is missing where one was."""
    (run,) = lower(step())
    assert isinstance(run, Run)
    (tmp_path / "bin").mkdir()
    ctr = tmp_path / "bin/ctr"
    ctr.write_text("#!/bin/sh\nprintf 'one:1\\ntwo:2\\nthree:3\\n'\n")
    ctr.chmod(0o755)

    def ask() -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-uc", run.unless.script.replace(BROUGHT, str(tmp_path))],
            env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    assert ask() == (0, "")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/list").write_text("one:1 a.tar\nthree:3 b.tar\n")
    assert ask() == (0, "")
    (tmp_path / "images/list").write_text("one:1 a.tar\nthree:33 b.tar\n")
    assert ask() == (1, "three:33 is missing\n")
