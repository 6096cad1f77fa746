"""What a kubelet does that needs no containers. Runs on a machine of the living oracle, not in hardway: `stand-in WHAT`.

`static-pods` runs each manifest's command as a process. `kubelet` is the real kubelet for as long as it has no
certificate (its TLS bootstrap is the real one; a container runtime that never answers holds it there), then creates
the Node and the mirror Pods that it would; meanwhile it calls itself healthy.
"""

import http.server
import json
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64decode
from pathlib import Path
from typing import Any, NoReturn

import yaml

KUBERNETES, KUBELET = Path("/etc/kubernetes"), Path("/var/lib/kubelet")
PEM = KUBELET / "pki/kubelet-client-current.pem"
FLAGS = (
    f"--bootstrap-kubeconfig={KUBERNETES}/bootstrap-kubelet.conf",
    f"--kubeconfig={KUBERNETES}/kubelet.conf",
    f"--config={KUBELET}/config.yaml",
)
"""Of the drop-in 10-kubeadm.conf."""
HEALTHZ = ("127.0.0.1", 10248)
PAUSE = 0.2
"""Seconds between two looks."""


class Healthz(http.server.BaseHTTPRequestHandler):
    """Answers everybody that the kubelet is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class Server(http.server.HTTPServer):
    """One kubelet after another uses the port."""

    allow_reuse_address = True


def static_pods() -> NoReturn:
    """Every manifest's command, started again when it ends or its manifest has changed."""
    running: dict[Path, tuple[bytes, subprocess.Popen[bytes]]] = {}
    while True:
        texts = {path: path.read_bytes() for path in (KUBERNETES / "manifests").glob("[!.]*.yaml")}
        for path, (text, process) in list(running.items()):
            if texts.get(path) != text or process.poll() is not None:
                process.terminate()
                process.wait()
                del running[path]
        for path in texts.keys() - running.keys():
            container = yaml.safe_load(texts[path])["spec"]["containers"][0]
            with Path(f"/var/log/{container['name']}.log").open("ab") as log:
                running[path] = (texts[path], subprocess.Popen(container["command"], stdout=log, stderr=log))
        time.sleep(PAUSE)


def own_flags() -> list[str]:
    """What kubeadm-flags.env says."""
    line = (KUBELET / "kubeadm-flags.env").read_text().partition("=")[2].strip()
    return shlex.split(json.loads(line))


def flag(name: str) -> str:
    """The value of one of them, empty where it is not among them."""
    found = [word.partition("=")[2] for word in own_flags() if word.startswith(f"--{name}=")]
    return found[-1] if found else ""


def silent_runtime() -> socket.socket:
    """Listens where the container runtime should, and says nothing: the kubelet waits for two minutes."""
    configured = yaml.safe_load((KUBELET / "config.yaml").read_text()).get("containerRuntimeEndpoint")
    path = Path((flag("container-runtime-endpoint") or configured).removeprefix("unix://"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def get_certificate() -> None:
    """Let the real kubelet ask for its certificate."""
    with silent_runtime():
        while not PEM.exists():
            process = subprocess.Popen(["kubelet", *FLAGS, *own_flags()])
            try:
                while not PEM.exists() and process.poll() is None:
                    time.sleep(PAUSE)
            finally:
                process.kill()
                process.wait()


def node(name: str) -> dict[str, Any]:
    """The Node as a kubelet would register it (`pkg/kubelet/kubelet_node_status.go`, initialNode)."""
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    pairs = [pair.partition("=") for pair in flag("node-labels").split(",") if pair]
    taints = [text.rpartition(":") for text in flag("register-with-taints").split(",") if text]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels | {key: value for key, _, value in pairs}},
        "spec": {
            "taints": [
                {"key": pair.partition("=")[0], "value": pair.partition("=")[2], "effect": effect}
                for pair, _, effect in taints
            ]
        },
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NoRuntime", "message": "-"}]},
    }


def mirror(manifest: dict[str, Any], name: str, uid: str) -> dict[str, Any]:
    """The Pod that stands for a manifest in the API (`pkg/kubelet/pod/mirror_client.go`, CreateMirrorPod)."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid, "controller": True}
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), "kubernetes.io/config.mirror": "of the stand-in"}
    own = {"name": f"{metadata['name']}-{name}", "annotations": annotations, "ownerReferences": [owner]}
    return {**manifest, "metadata": {**metadata, **own}, "spec": {**manifest["spec"], "nodeName": name}}


def ask(method: str, path: str, value: Any = None) -> dict[str, Any]:
    """The API's answer to this node; HTTPError when it says no, another OSError when it says nothing."""
    cluster = yaml.safe_load((KUBERNETES / "kubelet.conf").read_text())["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    trust.load_cert_chain(PEM)
    kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(f"{cluster['server']}{path}", data, {"Content-Type": kind}, method=method)
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def make(path: str, value: dict[str, Any]) -> dict[str, Any]:
    """Create an object, or find it there."""
    try:
        return ask("POST", path, value)
    except urllib.error.HTTPError as answer:
        if answer.code == http.HTTPStatus.CONFLICT:
            return ask("GET", f"{path}/{value['metadata']['name']}")
        print(answer, answer.read().decode(), flush=True)
        raise


def report(name: str, told: set[Path]) -> None:
    """Create the Node and the Pods of manifests that were not told of yet."""
    uid = make("/api/v1/nodes", node(name))["metadata"]["uid"]
    for path in sorted(set((KUBERNETES / "manifests").glob("[!.]*.yaml")) - told):
        pod = mirror(yaml.safe_load(path.read_bytes()), name, uid)
        pods = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods"
        made = make(pods, pod)["metadata"]["name"]
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        ask("PATCH", f"{pods}/{made}/status", {"status": ready})
        told.add(path)


def kubelet() -> NoReturn:
    """Until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    told: set[Path] = set()
    with Server(HEALTHZ, Healthz) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        get_certificate()
        while True:
            try:
                report(socket.gethostname(), told)
            except OSError as error:
                # The API is not there yet, or does not know this node yet: asked again.
                print(error, flush=True)
            time.sleep(PAUSE)


if __name__ == "__main__":
    {"kubelet": kubelet, "static-pods": static_pods}[sys.argv[1]]()
