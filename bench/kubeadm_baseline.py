"""Stock kubeadm, driven over SSH on a fresh lab: the time to beat, and the proof that the lab bears a cluster.

    python bench/kubeadm_baseline.py [--name NAME] [--network 10.35.0] [--json] [--keep]

Nothing of hardway but the lab is used: kubeadm's own binary makes everything, one node after another as its manual says.
The binaries are copied into the nodes, their images are in the nodes' containerd already. The end is the same as that of
`hardway apply`: three etcd voters, four nodes Ready, all pods of kube-system running, serving certificates approved.
"""

import argparse
import base64
import hashlib
import json
import secrets
import shlex
import string
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hardway.errors import HardwayError, LabError
from hardway.lab.gobuild import ensure_binaries
from hardway.lab.lab import Lab
from hardway.lab.sources import CNI, Binaries
from hardway.lab.spec import LabNode, LabSpec, five_nodes

PODS = "10.244.0.0/16"
POD_NETWORK = "10.244.{number}.0/24"
SETTLE_LIMIT = 180.0

KUBELET_UNIT = """\
[Unit]
Description=kubelet
After=containerd.service
StartLimitIntervalSec=0
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
  --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
# The packages of Kubernetes say 10; kubeadm starts the kubelet when its files are there, so it matters little.
RestartSec=1
[Install]
WantedBy=multi-user.target
"""

CONTAINERD_UNIT = """\
[Unit]
Description=containerd
[Service]
Type=notify
ExecStart=/usr/local/bin/containerd
Delegate=yes
KillMode=process
Restart=always
LimitNOFILE=infinity
TasksMax=infinity
[Install]
WantedBy=multi-user.target
"""

CONTAINERD_CONFIG = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:{pause}"
  # The lab's host may lack CAP_SYS_RESOURCE; every sandbox would die of its oom_score_adj.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
"""

HAPROXY = """\
global
    user haproxy
    group haproxy
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout check 3s
frontend api
    bind :6443
    default_backend api
backend api
    option httpchk GET /readyz
    http-check expect status 200
    default-server check check-ssl verify none inter 500ms fall 3 rise 1 on-marked-down shutdown-sessions
{servers}"""


@dataclass(frozen=True)
class Phase:
    """One part of the run and how long it took."""

    name: str
    seconds: float


@dataclass
class Clock:
    """Times phases in the order in which they run."""

    say: Callable[[str], None]
    phases: list[Phase] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a block; one that fails is not recorded."""
        started = time.monotonic()
        yield
        self.phases.append(Phase(name, round(time.monotonic() - started, 2)))
        self.say(f"{name}: {self.phases[-1].seconds:.2f} s")


@dataclass(frozen=True)
class Secrets:
    """What kubeadm would mint itself; given to it in files, never in argv."""

    token: str
    certificate_key: str


def mint() -> Secrets:
    """A token and a certificate key as kubeadm's own look."""
    alphabet = string.ascii_lowercase + string.digits
    letters = "".join(secrets.choice(alphabet) for _ in range(22))
    return Secrets(f"{letters[:6]}.{letters[6:]}", secrets.token_hex(32))


def pod_network(spec: LabSpec, node: LabNode) -> str:
    """The /24 of the node's pods."""
    return POD_NETWORK.format(number=spec.nodes.index(node) + 1)


def endpoint(spec: LabSpec) -> str:
    """Where the API is reached, through the balancer."""
    return f"api.{spec.zone}:6443"


def files(binaries: Binaries, masters: bool) -> dict[str, str]:
    """Path on the node to binary: what a node needs before kubeadm can start."""
    names = ["kubeadm", "kubelet", "kubectl", "containerd", "containerd-shim-runc-v2", "runc"]
    if masters:
        names.append("etcdctl")  # for counting voters at the end
    found = {f"usr/local/bin/{name}": name for name in names}
    return found | {f"opt/cni/bin/{name}": name for name in CNI}


def pack(binaries: Binaries, wanted: dict[str, str], target: Path) -> None:
    """The binaries as a tar for `/`."""
    with tarfile.open(target, "w") as archive:
        for path, name in wanted.items():
            info = archive.gettarinfo(binaries[name], path)
            info.mode, info.uid, info.gid, info.uname, info.gname = 0o755, 0, 0, "root", "root"
            with binaries[name].open("rb") as content:
                archive.addfile(info, content)


def heredoc(path: str, text: str, mode: str = "0644") -> str:
    """Shell that writes a file."""
    return f"install -D -m {mode} /dev/null {path} && cat >{path} <<'END_OF_FILE'\n{text.rstrip()}\nEND_OF_FILE\n"


def prepare_script(spec: LabSpec, node: LabNode, pause: str) -> str:
    """Makes a node ready for kubeadm: what its manual asks for before `kubeadm init`."""
    conflist = {
        "cniVersion": "1.0.0",
        "name": "baseline",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "hairpinMode": True,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": pod_network(spec, node)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    routes = [
        f"ip route replace {pod_network(spec, other)} via {other.address}\n"
        for other in spec.nodes
        if other.is_kubernetes and other != node
    ]
    sysctls = "net.ipv4.ip_forward=1\nnet.bridge.bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables=1\n"
    return "".join(
        [
            "set -eu\nexport DEBIAN_FRONTEND=noninteractive\n",
            f"echo {node.name} >/etc/hostname; hostname -F /etc/hostname\n",
            "apt-get -qq update >/dev/null; apt-get -qq install -y conntrack socat ebtables ethtool >/dev/null\n",
            heredoc("/etc/sysctl.d/99-kubernetes.conf", sysctls),
            "sysctl -q -p /etc/sysctl.d/99-kubernetes.conf\n",
            heredoc("/etc/containerd/config.toml", CONTAINERD_CONFIG.format(pause=pause)),
            heredoc("/etc/systemd/system/containerd.service", CONTAINERD_UNIT),
            heredoc("/etc/systemd/system/kubelet.service", KUBELET_UNIT),
            heredoc("/etc/cni/net.d/10-baseline.conflist", json.dumps(conflist, indent=2)),
            *routes,
            f"iptables -w -t nat -A POSTROUTING -s {pod_network(spec, node)} ! -d {PODS} -j MASQUERADE\n",
            "systemctl daemon-reload; systemctl enable --quiet kubelet; systemctl enable --quiet --now containerd\n",
        ]
    )


def balancer_script(masters: Sequence[LabNode]) -> str:
    """Makes the balancer."""
    servers = "".join(f"    server {node.host_name} {node.address}:6443\n" for node in masters)
    return (
        "set -eu\nexport DEBIAN_FRONTEND=noninteractive\n"
        "apt-get -qq update >/dev/null; apt-get -qq install -y haproxy >/dev/null\n"
        + heredoc("/etc/haproxy/haproxy.cfg", HAPROXY.format(servers=servers))
        + "systemctl restart haproxy\n"
    )


def documents(*values: dict[str, object]) -> str:
    """YAML documents; JSON is YAML too."""
    return "\n---\n".join(json.dumps(value, indent=2) for value in values) + "\n"


def init_config(spec: LabSpec, node: LabNode, version: str, minted: Secrets) -> str:
    """kubeadm's configuration for the first master."""
    api = "kubeadm.k8s.io/v1beta3"
    return documents(
        {
            "apiVersion": api,
            "kind": "InitConfiguration",
            "bootstrapTokens": [{"token": minted.token, "ttl": "1h0m0s"}],
            "certificateKey": minted.certificate_key,
            "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": 6443},
            "nodeRegistration": registration(node),
        },
        {
            "apiVersion": api,
            "kind": "ClusterConfiguration",
            "clusterName": "my-first-cluster",
            "kubernetesVersion": version,
            "controlPlaneEndpoint": endpoint(spec),
            "networking": {"serviceSubnet": "10.96.0.0/16", "dnsDomain": "cluster.local"},
        },
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "cgroupDriver": "systemd",
            "serverTLSBootstrap": True,
        },
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            # nf_conntrack_max belongs to the host; 0 leaves it alone.
            "conntrack": {"maxPerCore": 0, "min": 0},
        },
    )


def join_config(spec: LabSpec, node: LabNode, minted: Secrets, pin: str, *, master: bool) -> str:
    """kubeadm's configuration for a joining node."""
    value: dict[str, object] = {
        "apiVersion": "kubeadm.k8s.io/v1beta3",
        "kind": "JoinConfiguration",
        "discovery": {
            "bootstrapToken": {
                "apiServerEndpoint": endpoint(spec),
                "token": minted.token,
                "caCertHashes": [pin],
            }
        },
        "nodeRegistration": registration(node),
    }
    if master:
        value["controlPlane"] = {
            "certificateKey": minted.certificate_key,
            "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": 6443},
        }
    return documents(value)


def registration(node: LabNode) -> dict[str, object]:
    """How the node registers."""
    return {"name": node.name, "criSocket": "unix:///run/containerd/containerd.sock"}


def ca_pin(public_key_der: bytes) -> str:
    """The pin of a CA as kubeadm writes it."""
    return f"sha256:{hashlib.sha256(public_key_der).hexdigest()}"


def kubeadm(config: str, command: str) -> str:
    """Runs kubeadm with a configuration that nobody else can read and that does not stay."""
    file = "/run/kubeadm-baseline.yaml"
    # crictl cannot be had here, and 1.30's preflight wants it.
    run_it = f"kubeadm {command} --config {file} --skip-phases preflight"
    return f"umask 077\n{heredoc(file, config, '0600')}{run_it}; code=$?; rm {file}; exit $code\n"


def run(lab: Lab, binaries: Binaries, say: Callable[[str], None]) -> tuple[Phase, ...]:
    """Bring a cluster up with kubeadm on a booted, empty lab; LabError when a command fails or the end is not reached."""
    spec, clock, minted = lab.spec, Clock(say), mint()
    masters = [node for node in spec.nodes if node.host_name.startswith("master")]
    workers = [node for node in spec.nodes if node.is_kubernetes and node not in masters]
    balancers = [node for node in spec.nodes if not node.is_kubernetes]
    first = masters[0].host_name
    with tempfile.TemporaryDirectory(prefix="hardway-") as scratch, clock.phase("prepare"):
        tars = {master: Path(scratch) / f"{master}.tar" for master in (True, False)}
        for master, target in tars.items():
            pack(binaries, files(binaries, master), target)

        def prepare(node: LabNode) -> None:
            if node in balancers:
                lab.exec(node.host_name, balancer_script(masters))
                return
            copy(lab, node, tars[node in masters])
            lab.exec(node.host_name, prepare_script(spec, node, binaries.release.pause_image_tag))

        with ThreadPoolExecutor(len(spec.nodes)) as pool:
            list(pool.map(prepare, spec.nodes))
    with clock.phase(f"init {first}"):
        config = init_config(spec, masters[0], binaries.release.kubernetes, minted)
        lab.exec(first, kubeadm(config, "init --upload-certs"))
    pin = ca_pin(
        base64.b64decode(
            lab.exec(
                first,
                "openssl x509 -pubkey -noout </etc/kubernetes/pki/ca.crt | openssl pkey -pubin -outform DER | base64",
            )
        )
    )
    for node in (*masters[1:], *workers):
        with clock.phase(f"join {node.host_name}"):
            lab.exec(node.host_name, kubeadm(join_config(spec, node, minted, pin, master=node in masters), "join"))
    with clock.phase("settle"):
        settle(lab, first, len(masters), len(masters) + len(workers))
    return tuple(clock.phases)


def copy(lab: Lab, node: LabNode, archive: Path) -> None:
    """Unpack a tar at the node's root, over SSH."""
    argv = lab.ssh_command(node.host_name, ["sudo", "-n", "tar", "-x", "-C", "/"])
    with archive.open("rb") as content:
        done = subprocess.run(argv, stdin=content, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError("copying failed", f"lab node {node.host_name}", shlex.join(argv), done.stderr)


def settle(lab: Lab, first: str, voters: int, nodes: int) -> None:
    """Approve serving certificates and wait for the end; LabError names what is missing when the time runs out."""
    deadline = time.monotonic() + SETTLE_LIMIT
    while wrong := unsettled(lab, first, voters, nodes):
        if time.monotonic() > deadline:
            raise LabError(
                f"the cluster did not settle in {SETTLE_LIMIT:g} s", "kubeadm baseline", output="\n".join(wrong)
            )
        time.sleep(0.25)


def unsettled(lab: Lab, first: str, voters: int, nodes: int) -> list[str]:
    """What is still wrong, in words."""
    text = lab.exec(
        first,
        """export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl get csr -o json | python3 -c '
import json, sys
for item in json.load(sys.stdin)["items"]:
    if item["spec"]["signerName"] == "kubernetes.io/kubelet-serving" and not item["status"].get("conditions"):
        print(item["metadata"]["name"])
' | xargs -r kubectl certificate approve >/dev/null
kubectl get nodes,csr -o json
kubectl -n kube-system get pods -o json
cd /etc/kubernetes/pki/etcd
etcdctl --endpoints https://127.0.0.1:2379 --cacert ca.crt --cert healthcheck-client.crt --key healthcheck-client.key member list -w simple
""",
    )
    decoder = json.JSONDecoder()
    cluster, end = decoder.raw_decode(text)
    pods, end = decoder.raw_decode(text, end + 1)
    return judge(cluster["items"], pods["items"], text[end:].splitlines(), voters, nodes)


def judge(
    objects: list[dict[str, object]], pods: list[dict[str, object]], members: list[str], voters: int, nodes: int
) -> list[str]:
    """Compare what the cluster says with the finish line."""
    wrong = []
    ready = [item for item in objects if item["kind"] == "Node" and condition(item, "Ready")]
    served = [
        item
        for item in objects
        if item["kind"] == "CertificateSigningRequest"
        and spec_of(item)["signerName"] == "kubernetes.io/kubelet-serving"
        and status_of(item).get("certificate")
    ]
    counted = [row for row in members if ", started, " in row and row.endswith("false")]
    if len(ready) != nodes:
        wrong.append(f"{len(ready)} of {nodes} nodes are Ready")
    if len(served) < nodes:
        wrong.append(f"{len(served)} of {nodes} serving certificates are issued")
    if len(counted) != voters:
        wrong.append(f"{len(counted)} of {voters} etcd members vote")
    # Per node a kube-proxy, per master etcd and three of Kubernetes, two CoreDNS.
    if len(pods) != nodes + 4 * voters + 2:
        wrong.append(f"{len(pods)} of {nodes + 4 * voters + 2} pods exist")
    return wrong + [f"pod {name_of(pod)} is not running and ready" for pod in pods if not condition(pod, "Ready")]


def condition(item: dict[str, object], kind: str) -> bool:
    """A condition is true."""
    found = status_of(item).get("conditions", [])
    assert isinstance(found, list)
    return any(entry["type"] == kind and entry["status"] == "True" for entry in found)


def spec_of(item: dict[str, object]) -> dict[str, object]:
    """The spec of an object."""
    assert isinstance(item["spec"], dict)
    return item["spec"]


def status_of(item: dict[str, object]) -> dict[str, object]:
    """The status of an object."""
    assert isinstance(item["status"], dict)
    return item["status"]


def name_of(item: dict[str, object]) -> str:
    """The name of an object."""
    assert isinstance(item["metadata"], dict)
    return str(item["metadata"]["name"])


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="kubeadm", help="name of the lab (kubeadm)")
    parser.add_argument("--network", default="10.35.0", help="first three numbers of its /24 (10.35.0)")
    parser.add_argument("--source", default="auto", help="where binaries come from: auto, release, go or a directory")
    parser.add_argument("--json", action="store_true", help="phases as JSON on standard output")
    parser.add_argument("--keep", action="store_true", help="leave the lab up")
    options = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    lab = Lab(five_nodes(options.name, options.network))
    try:
        # A cluster of an earlier run would be joined by nobody.
        lab.down()
        binaries = ensure_binaries(options.source, say)
        started = time.monotonic()
        lab.up(options.source, say)
        boot = Phase("boot", round(time.monotonic() - started, 2))
        phases = (boot, *run(lab, binaries, say))
    except HardwayError as error:
        say(error.render())
        return error.exit_code
    finally:
        if not options.keep:
            lab.down()
    if options.json:
        print(json.dumps([asdict(phase) for phase in phases]))
    else:
        for phase in (*phases, Phase("total", sum(phase.seconds for phase in phases))):
            print(f"{phase.seconds:8.2f} s  {phase.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
