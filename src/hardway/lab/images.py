"""The cluster's container images, made here from the same binaries, and a containerd directory that holds them all.

A node that starts with a clone of that directory pulls nothing and unpacks nothing: importing takes seven seconds a node,
a clone a fraction of one.
"""

import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.apt import SUITE, debian_sources
from hardway.lab.command import run
from hardway.lab.oci import NET_BIND_SERVICE, Entry, Image, write_archive
from hardway.lab.paths import Say, cache_dir, fresh_dir, locked
from hardway.lab.sources import ETCD, Binaries

PROXY_PACKAGES = ("iptables", "conntrack", "ipset", "kmod")
"""What kube-proxy calls."""

BUSYBOX = "docker.io/library/busybox:1.36"
"""Debian's busybox-static under the name that people type in tests; Debian 12 has 1.35."""

CONTAINERD_SECONDS = 30.0
PINNED = "io.cri-containerd.pinned=pinned"
MANAGED = "io.cri-containerd.image=managed"

BASICS = (
    Entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644),
    Entry("etc/group", b"root:x:0:\nnobody:x:65534:\n", 0o644),
    # Without it a static glibc asks its built-in default, which differs between versions.
    Entry("etc/nsswitch.conf", b"hosts: files dns\n", 0o644),
    Entry("root", mode=0o700),
    Entry("tmp", mode=0o1777),
)


def cluster_images(binaries: Binaries, base: Path, applets: tuple[str, ...]) -> tuple[Image, ...]:
    """The images under the names that kubeadm gives them, paths and users as in the released ones.

    `base` is the Debian tree of kube-proxy, `applets` the names that busybox answers to.
    """
    release = binaries.release
    control_plane = (
        Image(
            f"registry.k8s.io/{name}:{release.kubernetes}",
            (*BASICS, Entry(f"usr/local/bin/{name}", binaries[name])),
        )
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    )
    return (
        *control_plane,
        Image(
            f"registry.k8s.io/kube-proxy:{release.kubernetes}",
            (Entry("usr/local/bin/kube-proxy", binaries["kube-proxy"]),),
            base=base,
        ),
        Image(
            f"registry.k8s.io/etcd:{release.etcd_image_tag}",
            (*BASICS, *(Entry(f"usr/local/bin/{name}", binaries[name]) for name in ETCD)),
        ),
        Image(
            f"registry.k8s.io/coredns/coredns:{release.coredns_image_tag}",
            # Not root, yet on port 53: the file capability is what its own Dockerfile sets.
            (*BASICS, Entry("coredns", binaries["coredns"], capability=NET_BIND_SERVICE)),
            entrypoint=("/coredns",),
            user="65532:65532",
        ),
        Image(
            f"registry.k8s.io/pause:{release.pause_image_tag}",
            (Entry("pause", binaries["pause"]),),
            entrypoint=("/pause",),
            user="65535:65535",
        ),
        Image(
            BUSYBOX,
            (
                *BASICS,
                Entry("bin/busybox", base / "bin/busybox"),
                *(Entry(f"bin/{applet}", link="busybox") for applet in applets if applet != "busybox"),
            ),
            command=("sh",),
        ),
    )


def ensure_images(binaries: Binaries, say: Say) -> tuple[Path, ...]:
    """The archives of all images, written once per set of binaries."""
    with locked("images"):
        target = cache_dir() / "images" / binaries.key / "archives"
        base = _ensure_base(say)
        applets = tuple(run([base / "bin/busybox", "--list"], where="lab images").split())
        images = cluster_images(binaries, base, applets)
        if not target.exists():
            say(f"writing {len(images)} image archives")
            with fresh_dir(target) as folder:
                for image in images:
                    write_archive(image, folder / image.file_name)
        return tuple(target / image.file_name for image in images)


def ensure_containerd_template(binaries: Binaries, say: Say) -> Path:
    """A /var/lib/containerd with every image imported, unpacked for overlayfs and known to CRI. Not to be run from: clone it.

    Made by the lab's own containerd, which runs privately in a temporary directory and is ended again.
    """
    archives = ensure_images(binaries, say)
    target = cache_dir() / "images" / binaries.key / "containerd"
    with locked("template"):
        if target.exists():
            return target
        say("importing the images into a containerd directory")
        # A short path: a socket's name may have 107 bytes.
        with fresh_dir(target) as root, tempfile.TemporaryDirectory(prefix="hardway-") as scratch:
            with private_containerd(binaries, root, Path(scratch)) as ctr:
                for archive in archives:
                    ctr("images", "import", "--snapshotter", "overlayfs", str(archive))
                _await_managed(ctr)
                for reference in ctr("images", "ls", "-q").split():
                    # No registry could give them back, so the kubelet's image collector must leave them alone.
                    ctr("images", "label", reference, PINNED)
            # Every node has to have an identity of its own: containerd makes a new one where none is.
            (root / "io.containerd.grpc.v1.introspection" / "uuid").unlink(missing_ok=True)
    return target


def clone_containerd(template: Path, target: Path) -> None:
    """Give a node its own /var/lib/containerd: blobs and layers as hard links, databases as copies.

    Hard links are safe because containerd never writes into a committed blob or layer: layers are lower directories of
    overlayfs, which copies up before it writes. The bolt databases are written in place, hence the copies.
    """
    if target.exists() and any(target.iterdir()):
        raise LabError(f"`{target}` is not empty", "lab images", hint="a node's containerd directory is cloned once")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rmdir()
    same = template.stat().st_dev == target.parent.stat().st_dev
    run(["cp", "-a", *(["-l"] if same else ["--reflink=auto"]), template, target], where="lab images")
    for database in template.rglob("*.db"):
        copy = target / database.relative_to(template)
        copy.unlink()
        shutil.copy2(database, copy)


def _ensure_base(say: Say) -> Path:
    """The smallest Debian tree with kube-proxy's tools, unpacked but not configured: nothing in it is ever run by dpkg."""
    packages = (*PROXY_PACKAGES, "busybox-static")
    recipe = hashlib.sha256(" ".join((SUITE, *packages)).encode()).hexdigest()[:12]
    target = cache_dir() / "images" / f"base-{recipe}"
    if target.exists():
        return target
    say("unpacking the Debian packages of the kube-proxy image")
    with fresh_dir(target) as tree:
        run(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=extract",
                f"--include={','.join(packages)}",
                SUITE,
                tree,
                *debian_sources(),
            ],
            where="lab images",
        )
        tree.chmod(0o755)
        for name in ("usr/share", "usr/include", "var/lib/apt", "var/lib/dpkg", "var/cache", "var/log", "dev"):
            shutil.rmtree(tree / name, ignore_errors=True)
        for family in ("iptables", "ip6tables"):
            for suffix in ("", "-save", "-restore"):
                # What the package's alternatives would choose, and what the nodes' own iptables uses.
                link = tree / "usr/sbin" / f"{family}{suffix}"
                link.unlink(missing_ok=True)
                link.symlink_to(f"{family}-nft{suffix}")
    return target


Ctr = Callable[..., str]


@contextmanager
def private_containerd(binaries: Binaries, root: Path, scratch: Path) -> Iterator[Ctr]:
    """Run containerd on `root` and nothing else of the host; yields `ctr` bound to it and CRI's namespace."""
    release = binaries.release
    config = scratch / "config.toml"
    config.write_text(containerd_config(root, scratch, f"registry.k8s.io/pause:{release.pause_image_tag}"))
    socket = scratch / "c.sock"
    log = scratch / "log"
    where = "lab images"

    def ctr(*words: str) -> str:
        return run([binaries["ctr"], "-a", socket, "-n", "k8s.io", *words], where=where)

    with log.open("w") as output:
        # pdeathsig: were this process killed outright, the daemon would stay behind.
        argv: list[str | Path] = ["setpriv", "--pdeathsig", "KILL", binaries["containerd"], "--config", config]
        daemon = subprocess.Popen(argv, stdout=output, stderr=output, cwd=scratch)
        try:
            deadline = time.monotonic() + CONTAINERD_SECONDS
            # CRI must be up before the import: it marks the images as its own when it hears of them.
            while "containerd successfully booted" not in log.read_text():
                if daemon.poll() is not None or time.monotonic() > deadline:
                    raise LabError("containerd did not start", where, output=log.read_text()[-3000:])
                time.sleep(0.05)
            yield ctr
        finally:
            daemon.terminate()
            try:
                daemon.wait(CONTAINERD_SECONDS)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def containerd_config(root: Path, scratch: Path, sandbox_image: str) -> str:
    """A configuration that keeps every path of the daemon below `root` and `scratch`."""
    return f"""version = 2
root = "{root}"
state = "{scratch}/state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{scratch}/c.sock"
[ttrpc]
  address = "{scratch}/c.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{scratch}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{scratch}/cni/bin"
    conf_dir = "{scratch}/cni/net.d"
"""


def _await_managed(ctr: Ctr) -> None:
    """CRI labels an imported image, and adds a reference by its id, a moment after the import."""
    deadline = time.monotonic() + CONTAINERD_SECONDS
    while True:
        lines = ctr("images", "ls").splitlines()[1:]
        if all(MANAGED in line for line in lines) and sum(line.startswith("sha256:") for line in lines) * 2 == len(
            lines
        ):
            return
        if time.monotonic() > deadline:
            raise LabError("CRI did not take the imported images for its own", "lab images", output="\n".join(lines))
        time.sleep(0.05)
