"""The lab's supply: what is fetched or built, the images, the mirror. No root, no network beyond this process."""

import gzip
import hashlib
import json
import os
import ssl
import stat
import tarfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hardway import versions
from hardway.errors import LabError
from hardway.lab import binaries as supply
from hardway.lab.apt import write_index
from hardway.lab.binaries import ensure_binaries, from_release
from hardway.lab.gobuild import staging_modules
from hardway.lab.images import clone_containerd, cluster_images, containerd_config
from hardway.lab.mirror import SITES, MirrorServer, build_mirror_tree
from hardway.lab.oci import NET_BIND_SERVICE, Entry, Image, write_archive
from hardway.lab.paths import fresh_dir
from hardway.lab.sources import (
    KUBERNETES_BUILDS,
    NAMES,
    Binaries,
    ChecksumForm,
    checksum_text,
    expected_digest,
    go_components,
    release_files,
)
from hardway.lab.tls import mint_tls

RELEASE = versions.release("v1.30.4")

pytestmark = pytest.mark.fast


def silent(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Binaries:
    """A directory of stand-ins, each with a content of its own."""
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "binaries"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(f"#!/bin/sh\necho {name}\n")
        (folder / name).chmod(0o755)
    return ensure_binaries(str(folder), silent)


def test_every_binary_has_a_release_file_and_a_module() -> None:
    """Both sources give the same binaries, in the same directories of the cache; only pause has neither."""
    released = {name: file.component for file in release_files(RELEASE) for name in file.members}
    built = {
        name: part.component
        for part in go_components(RELEASE, KUBERNETES_BUILDS[RELEASE.kubernetes])
        for name in part.packages
    }
    assert released == built
    assert set(released) | {"pause"} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "url", "checksum"),
    [
        ("kubelet", "dl.k8s.io/v1.30.4/bin/linux/amd64/kubelet", "dl.k8s.io/v1.30.4/bin/linux/amd64/kubelet.sha256"),
        (
            "runc",
            "github.com/opencontainers/runc/releases/download/v1.1.12/runc.amd64",
            "github.com/opencontainers/runc/releases/download/v1.1.12/runc.sha256sum",
        ),
        (
            "ctr",
            "github.com/containerd/containerd/releases/download/v1.7.19/containerd-1.7.19-linux-amd64.tar.gz",
            "github.com/containerd/containerd/releases/download/v1.7.19/containerd-1.7.19-linux-amd64.tar.gz.sha256sum",
        ),
        (
            "etcdctl",
            "github.com/etcd-io/etcd/releases/download/v3.5.12/etcd-v3.5.12-linux-amd64.tar.gz",
            "github.com/etcd-io/etcd/releases/download/v3.5.12/SHA256SUMS",
        ),
        (
            "portmap",
            "github.com/containernetworking/plugins/releases/download/v1.4.0/cni-plugins-linux-amd64-v1.4.0.tgz",
            "github.com/containernetworking/plugins/releases/download/v1.4.0/cni-plugins-linux-amd64-v1.4.0.tgz.sha256",
        ),
    ],
)
def test_layout_is_the_articles(name: str, url: str, checksum: str) -> None:
    """Addresses of chapter 8."""
    (file,) = (file for file in release_files(RELEASE) if name in file.members)
    assert (file.url, file.checksum_url) == (f"https://{url}", f"https://{checksum}")


@pytest.mark.parametrize("form", list(ChecksumForm))
def test_checksum_forms(form: ChecksumForm) -> None:
    """What the mirror writes, the downloader reads; in a list the wanted file is not the first."""
    file = next(file for file in release_files(RELEASE) if file.form is form)
    digest = hashlib.sha256(b"content").hexdigest()
    text = checksum_text(file, digest)
    assert expected_digest(file, text) == digest
    assert (text == digest) == (form is ChecksumForm.BARE)
    assert len(text.splitlines()) == (2 if form is ChecksumForm.LIST else 1)


def test_checksum_of_another_file_is_refused() -> None:
    """A list that does not name the file is an error, not a match."""
    file = next(file for file in release_files(RELEASE) if file.form is ChecksumForm.LIST)
    with pytest.raises(LabError, match="no checksum"):
        expected_digest(file, f"{'0' * 64}  another\n")


def test_missing_binaries_are_named_at_once(tmp_path: Path) -> None:
    """All of them in one error."""
    with pytest.raises(LabError, match=r"lacks 20 of 20 binaries: kubeadm, .*pause"):
        ensure_binaries(str(tmp_path), silent)


def test_release_files_come_back_from_the_mirror(
    binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The downloader, fed from a mirror tree instead of the network, ends with the same bytes; damage is noticed."""
    root = tmp_path / "mirror"
    build_mirror_tree(binaries, root, silent)

    def fetch(url: str, target: Path) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        source = root / parts.hostname / parts.path.lstrip("/")
        target.write_bytes(source.read_bytes() if source.exists() else b"pause")

    def compile_pause(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True)
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(supply, "compile_pause", compile_pause)
    fetched = from_release(RELEASE, silent, fetch)
    for name in NAMES:
        if name != "pause":
            assert fetched[name].read_bytes() == binaries[name].read_bytes()
            assert stat.S_IMODE(fetched[name].stat().st_mode) == 0o755
    assert ensure_binaries("auto", silent) == fetched

    fetched["etcd"].unlink()
    (sums,) = root.rglob("SHA256SUMS")
    sums.write_text(f"{'0' * 64}  etcd-v3.5.12-linux-amd64.tar.gz\n")
    with pytest.raises(LabError, match="SHA-256 is"):
        from_release(RELEASE, silent, fetch)
    assert not fetched["etcd"].exists()


def test_staging_modules() -> None:
    """Both ways in which a go.mod writes a replacement."""
    text = "replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)\nreplace k8s.io/b => ./staging/src/k8s.io/b\nreplace x => y v1\n"
    assert staging_modules(text) == ("k8s.io/api", "k8s.io/b")


def test_image_archive(tmp_path: Path) -> None:
    """Digests fit, names are there, the capability is set, and the same input gives the same bytes."""
    program = tmp_path / "program"
    program.write_bytes(b"program")
    image = Image(
        "registry.k8s.io/a/thing:v1",
        (
            Entry("bin/program", program, capability=NET_BIND_SERVICE),
            Entry("bin/link", link="program"),
            Entry("tmp", mode=0o1777),
        ),
        entrypoint=("/bin/program",),
        user="65532:65532",
    )
    target = tmp_path / image.file_name
    write_archive(image, target)
    first = target.read_bytes()
    os.utime(program, (1, 1))
    write_archive(image, target)
    assert target.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["program", "thing.tar"]

    with tarfile.open(target) as archive:

        def blob(digest: str) -> bytes:
            content = archive.extractfile(f"blobs/sha256/{digest.removeprefix('sha256:')}")
            assert content is not None
            data = content.read()
            assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
            return data

        index_file = archive.extractfile("index.json")
        assert index_file is not None
        (described,) = json.load(index_file)["manifests"]
        assert described["annotations"]["io.containerd.image.name"] == image.reference
        manifest = json.loads(blob(described["digest"]))
        config = json.loads(blob(manifest["config"]["digest"]))
        layer = manifest["layers"][0]
        assert config["rootfs"]["diff_ids"] == [layer["digest"]]
        assert config["config"]["Entrypoint"] == ["/bin/program"]
        assert config["config"]["User"] == "65532:65532"
        (tmp_path / "layer.tar").write_bytes(blob(layer["digest"]))
        assert layer["size"] == (tmp_path / "layer.tar").stat().st_size
    with tarfile.open(tmp_path / "layer.tar") as content:
        assert content.getnames() == ["bin", "bin/program", "bin/link", "tmp"]
        assert (
            content.getmember("bin/program").pax_headers["SCHILY.xattr.security.capability"]
            == NET_BIND_SERVICE.decode()
        )
        assert content.getmember("bin/link").linkname == "program"
        assert content.getmember("tmp").mode == 0o1777


def test_net_bind_service_is_what_setcap_writes() -> None:
    """Twenty bytes: revision 2 with the effective bit, CAP_NET_BIND_SERVICE (10) permitted, nothing inheritable."""
    words = [int.from_bytes(NET_BIND_SERVICE[at : at + 4], "little") for at in range(0, 20, 4)]
    assert words == [0x02000001, 1 << 10, 0, 0, 0]
    assert len(NET_BIND_SERVICE) == 20


def test_cluster_images_have_kubeadms_names(binaries: Binaries, tmp_path: Path) -> None:
    """What `kubeadm config images list` prints for v1.30.4, plus busybox for tests."""
    references = {image.reference for image in cluster_images(binaries, tmp_path, ("sh", "wget"))}
    assert references == {
        "registry.k8s.io/kube-apiserver:v1.30.4",
        "registry.k8s.io/kube-controller-manager:v1.30.4",
        "registry.k8s.io/kube-scheduler:v1.30.4",
        "registry.k8s.io/kube-proxy:v1.30.4",
        "registry.k8s.io/coredns/coredns:v1.11.1",
        "registry.k8s.io/pause:3.9",
        "registry.k8s.io/etcd:3.5.12-0",
        "docker.io/library/busybox:1.36",
    }


def test_containerd_keeps_to_its_directories() -> None:
    """Every path of the private daemon lies below the two that it was given."""
    text = containerd_config(Path("/r"), Path("/s"), "registry.k8s.io/pause:3.9")
    paths = [line.split('"')[1] for line in text.splitlines() if '= "/' in line]
    assert paths
    assert all(path.startswith(("/r", "/s/")) for path in paths)


def test_clone_shares_blobs_and_copies_databases(tmp_path: Path) -> None:
    """A database that a node writes must not be another node's."""
    template = tmp_path / "template"
    (template / "content").mkdir(parents=True)
    (template / "content" / "blob").write_text("blob")
    (template / "content" / "meta.db").write_text("db")
    clone_containerd(template, tmp_path / "node" / "containerd")
    cloned = tmp_path / "node" / "containerd" / "content"
    assert cloned.joinpath("blob").samefile(template / "content" / "blob")
    assert not cloned.joinpath("meta.db").samefile(template / "content" / "meta.db")
    assert cloned.joinpath("meta.db").read_text() == "db"
    with pytest.raises(LabError, match="not empty"):
        clone_containerd(template, tmp_path / "node" / "containerd")


def test_fresh_dir_leaves_nothing_behind(tmp_path: Path) -> None:
    """A failed build keeps what was there; a good one replaces it."""
    target = tmp_path / "target"
    with fresh_dir(target) as folder:
        (folder / "file").write_text("1")

    def fail() -> None:
        with fresh_dir(target) as folder:
            (folder / "file").write_text("2")
            raise LabError("no")

    with pytest.raises(LabError):
        fail()
    assert (target / "file").read_text() == "1"
    with fresh_dir(target) as folder:
        (folder / "file").write_text("3")
    assert (target / "file").read_text() == "3"
    assert list(tmp_path.iterdir()) == [target]


def test_mirror_tree_is_hard_links_and_archives(binaries: Binaries, tmp_path: Path) -> None:
    """Bare binaries take no room; archives have the members that the article's scripts take out."""
    build_mirror_tree(binaries, tmp_path / "m", silent)
    assert (tmp_path / "m/dl.k8s.io/v1.30.4/bin/linux/amd64/kubeadm").samefile(binaries["kubeadm"])
    packed = tmp_path / "m/github.com/etcd-io/etcd/releases/download/v3.5.12/etcd-v3.5.12-linux-amd64.tar.gz"
    with gzip.open(packed) as content, tarfile.open(fileobj=content) as archive:
        assert archive.getnames() == [f"etcd-v3.5.12-linux-amd64/{name}" for name in ("etcd", "etcdctl", "etcdutl")]
        assert {member.mode for member in archive.getmembers()} == {0o755}


def test_mirror_serves_sites_by_host(tmp_path: Path) -> None:
    """One address, many sites; a host that is no site sees the root; nothing above it is reachable; keys are private.

    Of two releases the first gives what both have.
    """
    root, newer = tmp_path / "root", tmp_path / "newer"
    for site in (*SITES, "debian"):
        (root / site).mkdir(parents=True)
        (root / site / "file").write_text(site)
    (newer / "dl.k8s.io").mkdir(parents=True)
    for name in ("file", "newer"):
        (newer / "dl.k8s.io" / name).write_text("newer")
    (tmp_path / "secret").write_text("secret")
    tls = mint_tls(tmp_path / "tls", (*SITES, "127.0.0.1"))
    assert mint_tls(tmp_path / "tls", (*SITES, "127.0.0.1")) == tls
    for key in ("ca.key", "mirror.key"):
        assert stat.S_IMODE((tmp_path / "tls" / key).stat().st_mode) == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    trust = ssl.create_default_context(cafile=str(tls.ca))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))

    with MirrorServer(("127.0.0.1", 0), [root, newer], context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def get(path: str, host: str) -> str:
            request = urllib.request.Request(f"https://127.0.0.1:{server.server_port}{path}", headers={"Host": host})
            with opener.open(request, timeout=5) as answer:
                return str(answer.read().decode())

        try:
            assert get("/file", "dl.k8s.io") == "dl.k8s.io"
            assert get("/file", "github.com:443") == "github.com"
            assert get("/newer", "dl.k8s.io") == "newer"
            assert get("/debian/file", "10.0.0.1") == "debian"
            for path, host in (("/../secret", "10.0.0.1"), ("/secret", ".."), ("/file", "../root/debian")):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    get(path, host)
        finally:
            server.shutdown()
            thread.join()


def test_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without apt-utils is told so, not shown a traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="`apt-ftparchive` is not installed"):
        write_index(tmp_path)
