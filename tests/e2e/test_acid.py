"""The acid tests: a real cluster on real nodes, from one command. They run in this order."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import Watch
from e2e.harness import Harness, eventually
from e2e.workload import assert_reached_by_name

pytestmark = pytest.mark.lab

NODES = {"master-1", "master-2", "master-3", "worker-1"}
MASTERS = {"master-1", "master-2", "master-3"}
BALANCERS = {"lb-1", "lb-2"}
SUPER_ADMIN = "/etc/kubernetes/super-admin.conf"
IS_MADE = f"ls {SUPER_ADMIN} /run/hardway/keys/super-admin.key 2>/dev/null || true"


def test_nodes_ready_and_system_pods_running(cluster: Harness) -> None:
    """After one command all nodes are Ready and all pods of kube-system run."""
    eventually(lambda: cluster.ready_nodes() == NODES, 60, "all nodes to be Ready")
    cluster.settle()

    assert len(cluster.get("pods -n kube-system")) == 3 * 4 + 4 + 2


def test_three_etcd_voters(cluster: Harness) -> None:
    """All three masters vote; nobody is left a learner."""
    assert cluster.voters() == MASTERS


def test_pod_reaches_service_by_name(cluster: Harness) -> None:
    """A pod on one node resolves and reaches a Service whose pod runs on another node."""
    assert_reached_by_name(cluster)


def test_logs_and_exec(cluster: Harness) -> None:
    """logs and exec reach the kubelets of a worker and of a master."""
    assert cluster.kubectl("logs web") == "serving\n"
    assert cluster.kubectl("exec client -- hostname") == "client\n"


def test_images_come_through_the_mirror(cluster: Harness) -> None:
    """An image that a node lacks is pulled through certs.d: the mirror is asked for manifest and layers by this node."""
    image, pull = "registry.k8s.io/coredns/coredns:v1.11.1", "run pulled --restart=Never --image-pull-policy=Always"
    override = '{"spec": {"nodeName": "worker-1.my-first-cluster.example.com"}}'
    # CRI has a second name for it, by its id.
    rows = [line.split() for line in cluster.lab.exec("worker-1", "ctr -n k8s.io images ls").splitlines()]
    (digest,) = (row[2] for row in rows if row[0] == image)
    names = " ".join(row[0] for row in rows if row[2] == digest)
    cluster.lab.exec("worker-1", f"ctr -n k8s.io images rm --sync {names}")
    cluster.kubectl(f"{pull} --image={image} --overrides='{override}' -- -version")
    events = "get events --field-selector involvedObject.name=pulled -o 'jsonpath={.items[*].message}'"
    eventually(
        lambda: f'Successfully pulled image "{image}"' in cluster.kubectl(events), 60, "the image to be pulled"
    )
    worker = cluster.lab.machine("worker-1").node.address
    asked = [line for line in (cluster.lab.folder / "mirror.log").read_text().splitlines() if line.startswith(worker)]

    assert any("/v2/registry.k8s.io/coredns/coredns/manifests/v1.11.1?ns=registry.k8s.io" in line for line in asked)
    assert any("/v2/registry.k8s.io/coredns/coredns/blobs/sha256:" in line for line in asked)


@pytest.mark.parametrize("name", sorted(NODES))
def test_kubelets_serve_with_the_clusters_ca(cluster: Harness, name: str) -> None:
    """Port 10250 of every node shows a certificate for its address that the cluster CA has signed."""
    address = cluster.lab.machine(name).node.address
    answer = cluster.lab.exec(
        "master-1",
        f"openssl s_client -connect {address}:10250 -CAfile /etc/kubernetes/pki/ca.crt -verify_ip {address}"
        " -verify_return_error </dev/null 2>&1",
    )

    assert "Verify return code: 0 (ok)" in answer


def test_second_apply_changes_nothing(cluster: Harness) -> None:
    """The plan after an apply is empty, and applying again changes nothing."""
    cluster.assert_nothing_to_do()
    assert json.loads(cluster.hardway("apply", "--json").stdout) == {"changed": 0, "stages": []}


def test_every_check_says_yes(cluster: Harness) -> None:
    """`hardway check` finds nothing but the missing crictl, which the example declares."""
    answers = json.loads(cluster.hardway("check", "--json").stdout)
    no = {(answer["severity"], answer["key"]) for answer in answers if not answer["yes"]}

    assert no == {("warning", "FileExisting-crictl")}


def test_every_host_key_is_known(cluster: Harness) -> None:
    """`hardway trust` finds the keys that `lab up` wrote down, and adds nothing."""
    told = json.loads(cluster.hardway("trust", "--json").stdout)

    assert (told["added"], {key["state"] for key in told["keys"]}) == (0, {"known"})


def test_no_secret_in_argv_output_or_plan(watched: tuple[Harness, Watch]) -> None:
    """What the run minted is seen in no command line, no output and no plan."""
    it, seen = watched
    text = "\n".join([*seen.argv, seen.output, it.hardway("plan", "--json").stdout])

    assert len(seen.argv) > 100, "the watch saw the run"
    assert [value for value in needles(seen) if value in text] == []


def test_no_secret_in_world_readable_files_or_logs(watched: tuple[Harness, Watch]) -> None:
    """Neither what the run minted nor a private key lies in a file that others may read, journals included."""
    it, seen = watched
    keys = it.lab.exec("master-1", "cd /etc/kubernetes/pki && sed -n 5p ca.key etcd/ca.key sa.key").split()
    assert len(keys) >= 1
    found = []
    journals = 0
    for file in (it.lab.folder / "nodes").rglob("*"):
        journal = "/journal/" in str(file)
        if not file.is_file() or file.is_symlink() or "/containerd/" in str(file) or "/root/" in str(file):
            continue
        if not (file.stat().st_mode & stat.S_IROTH or journal or "/var/log/" in str(file)):
            continue
        journals += journal
        content = file.read_bytes()
        found += [str(file) for value in [*needles(seen), *keys] if value.encode() in content]

    assert journals > 0, "journals were read"
    assert found == []


def needles(seen: Watch) -> list[str]:
    """The secrets of the run: of a token the secret half, its id is public."""
    return [value.partition(".")[2] or value for value in seen.secrets]


def test_first_master_off(cluster: Harness) -> None:
    """The first master is switched off: the API answers through the balancer, and a pod can still be created."""
    cluster.lab.stop_node("master-1", hard=True)
    try:
        eventually(lambda: cluster.ready_nodes("master-2") >= {"master-2", "master-3", "worker-1"}, 60, "the API")
        pod = "run after --image=docker.io/library/busybox:1.36 --restart=Never -- sleep infinity"
        eventually(lambda: "created" in cluster.kubectl(pod, "master-2"), 30, "a pod to be created")
        ready = "get pod after -o 'jsonpath={.status.conditions[?(@.type==\"Ready\")].status}'"
        eventually(lambda: cluster.kubectl(ready, "master-2") == "True", 90, "the new pod to run")
    finally:
        cluster.lab.start_node("master-1")
    eventually(lambda: cluster.ready_nodes() == NODES, 120, "the first master to come back")
    eventually(lambda: cluster.voters() == MASTERS, 60, "its etcd to vote again")


def test_the_active_balancer_off(cluster: Harness) -> None:
    """The balancer that holds the address is switched off: the other one takes it over, and keeps it afterwards.

    A balancer that lives and whose haproxy is dead gives it away.
    """
    (first,) = holders(cluster, BALANCERS)
    (second,) = BALANCERS - {first}
    cluster.lab.stop_node(first, hard=True)
    try:
        eventually(lambda: holders(cluster, {second}) == {second}, 10, "the other balancer to take the address")
        eventually(lambda: cluster.kubectl("get --raw /readyz") == "ok", 20, "the API to answer")
    finally:
        cluster.lab.start_node(first)
    eventually(lambda: "active" in cluster.lab.exec(first, "systemctl is-active keepalived"), 30, "it to be back")
    assert holders(cluster, BALANCERS) == {second}

    cluster.lab.exec(second, "systemctl stop haproxy")
    try:
        eventually(lambda: holders(cluster, BALANCERS) == {first}, 15, "the first one to take the address")
        eventually(lambda: cluster.kubectl("get --raw /readyz") == "ok", 20, "the API to answer")
    finally:
        cluster.lab.exec(second, "systemctl start haproxy")
    cluster.hardway("check", "--node", "lb-1", "--node", "lb-2")


def holders(cluster: Harness, names: set[str]) -> set[str]:
    """Which of these balancers have the virtual address."""
    return {name for name in names if " 10.31.0.10/" in cluster.lab.exec(name, "ip -o addr show")}


def test_all_nodes_rebooted(cluster: Harness) -> None:
    """All machines are rebooted: the cluster comes back, pods and names included, and there is nothing to change."""
    names = [node.host_name for node in cluster.lab.spec.nodes]
    for name in names:
        cluster.lab.stop_node(name)
    assert {row.state for row in cluster.lab.status()} == {"off"}
    for name in names:
        cluster.lab.start_node(name)
    eventually(lambda: cluster.ready_nodes() == NODES, 180, "all nodes to be Ready")
    cluster.settle()
    reach = "exec client -- wget -q -O - http://web.default.svc.cluster.local/"
    eventually(lambda: cluster.kubectl(reach) == "it works\n", 90, "the Service to answer")

    cluster.assert_nothing_to_do()


@pytest.fixture
def put_away(cluster: Harness) -> Iterator[Harness]:
    """The cluster without super-admin.conf, as kubeadm advises; the file is back afterwards."""
    cluster.lab.exec("master-1", f"mv {SUPER_ADMIN} /root/")
    yield cluster
    cluster.lab.exec("master-1", f"mv /root/{SUPER_ADMIN.rpartition('/')[2]} {SUPER_ADMIN}")


def test_super_admin_conf_is_put_away(put_away: Harness) -> None:
    """Nobody misses it, and nobody makes it again."""
    put_away.assert_nothing_to_do()
    told = [json.loads(line) for line in put_away.hardway("apply", "--events").stdout.splitlines()]
    assert [event for event in told if event["event"] == "step-done"] == []
    put_away.hardway("check")
    put_away.hardway("certs", "check-expiration", "--exit-code")
    put_away.assert_nothing_found()
    assert put_away.lab.exec("master-1", IS_MADE) == ""


def test_the_first_master_of_the_list_may_be_one_that_joined(put_away: Harness, tmp_path: Path) -> None:
    """kubeadm gives super-admin.conf to the master that it initialises, and the Inventory may name that one later."""
    lines = put_away.file.read_text().splitlines(keepends=True)
    one, two = (
        next(n for n, line in enumerate(lines) if f"{{name: {name}," in line) for name in ("master-1", "master-2")
    )
    for number, share in ((one, "10.244.0.0/24"), (two, "10.244.1.0/24")):
        lines[number] = lines[number].replace(",", f", podCIDR: {share},", 1)
    lines[one], lines[two] = lines[two], lines[one]
    other = Harness(tmp_path / "cluster.yaml", put_away.lab)
    other.file.write_text("".join(lines))

    # Elsewhere routes and balancers follow the order of the list.
    other.assert_nothing_to_do("--node", "master-1", "--node", "master-2")
    assert other.lab.exec("master-2", IS_MADE) == ""


def test_what_only_super_admin_conf_can_mend(put_away: Harness) -> None:
    """Without the binding of its group admin.conf may do nothing: the plan says so, and both are made again."""
    admins = "kubeadm:cluster-admins"
    put_away.kubectl(f"delete clusterrolebinding {admins}")
    try:
        chapters = ("--only", "kubeconfig", "--only", "bootstrap-token", "--node", "master-1")
        due = [
            change["step"] for change in json.loads(put_away.hardway("plan", "--json", *chapters).stdout)["changes"]
        ]
        put_away.hardway("apply", *chapters)

        assert due[:3] == ["kubeconfig/keys", "kubeconfig/super-admin", "bootstrap-token/cluster-admins"]
        assert put_away.kubectl(f"get clusterrolebinding {admins} -o name") != ""
        put_away.assert_nothing_to_do()
    finally:
        put_away.lab.exec("master-1", f"[ -s {SUPER_ADMIN} ] || cp /root/super-admin.conf {SUPER_ADMIN}")
        put_away.hardway("apply", "--only", "bootstrap-token", "--node", "master-1")


def test_a_worker_leaves_and_comes_back(put_away: Harness) -> None:
    """Removed and reset: the cluster does not list it, nothing of the cluster is on it; added again: Ready.

    Without super-admin.conf, which whoever joins needs as little.
    """
    cluster = put_away
    refused = cluster.hardway("node", "remove", "worker-1", check=False)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    # The pod `web` has no controller.
    cluster.hardway("node", "remove", "worker-1", "--reset", "--force", "--yes", "--json")
    assert cluster.ready_nodes() == MASTERS
    folders = "/etc/kubernetes/pki /etc/kubernetes/manifests /var/lib/kubelet"
    assert cluster.lab.exec("worker-1", f"find {folders} -mindepth 1 2>/dev/null || true") == ""
    assert (
        cluster.lab.exec(
            "worker-1", "ctr -n k8s.io containers list -q; grep ' /var/lib/kubelet/' /proc/mounts || true"
        )
        == ""
    )

    cluster.hardway("node", "add", "worker-1", "--yes", "--json")
    eventually(lambda: cluster.ready_nodes() == NODES, 60, "the worker to be Ready")


def test_a_master_leaves_and_comes_back(cluster: Harness) -> None:
    """The quorum is shown; two voters are left, and three again; nothing is left to change and every check says yes."""
    first = cluster.hardway("node", "remove", "master-1", "--yes", check=False)
    assert first.returncode == 6, "the first master stays"
    done = cluster.hardway("node", "remove", "master-3", "--reset", "--yes")
    assert "3 voters, quorum 2, 1 may fail; without this member: 2 voters, quorum 2, none may fail" in done.stderr
    assert cluster.voters() == MASTERS - {"master-3"}
    assert cluster.lab.exec("master-3", "find /var/lib/etcd -mindepth 1") == ""

    # The inventory still names it, so a plain apply is as good as `node add`.
    told = [json.loads(line) for line in cluster.hardway("apply", "--events").stdout.splitlines()]
    joined = {event["node"].split(".")[0] for event in told if event.get("step") == "control-plane-join/etcd/promote"}
    assert joined == {"master-3"}
    assert told[-1]["event"] == "run-done"
    assert cluster.voters() == MASTERS
    eventually(lambda: cluster.ready_nodes() == NODES, 60, "the master to be Ready")
    cluster.settle()
    cluster.assert_nothing_to_do()
    cluster.hardway("check")


@pytest.mark.long
def test_nodes_that_somebody_deleted_come_back(cluster: Harness) -> None:
    """`kubectl delete node` of the first master, another one and the worker, whose kubelets live: apply brings them back.

    Each kubelet is restarted, and labels and taints are given again; nothing else is done to the machines.
    """
    gone = ("master-1", "master-2", "worker-1")
    for name in gone:
        cluster.kubectl(f"delete node {name}.my-first-cluster.example.com")
    told = [json.loads(line) for line in cluster.hardway("apply", "--events").stdout.splitlines()]
    changed = {
        (event["node"].split(".")[0], event["step"])
        for event in told
        if event["event"] == "step-done" and event["result"] == "changed"
    }

    assert {node for node, step in changed if step == "kubelet-start/register-again"} == set(gone)
    assert {node for node, step in changed if step == "mark-control-plane"} == {"master-1", "master-2"}
    assert "kubelet-start/start" not in {step for _, step in changed}
    cluster.assert_whole()


def test_lab_leaves_nothing_behind(cluster: Harness) -> None:
    """`lab down` removes mounts, bridge, cgroups, processes and state."""
    found = cluster.lab.processes()
    subprocess.run([sys.executable, "-m", "hardway.cli", "lab", "down", "--name", "test"], check=True)

    assert [name for name, process in found.items() if process.alive] == []
    assert str(cluster.lab.folder) not in Path("/proc/self/mounts").read_text()
    assert not Path(f"/sys/class/net/{cluster.lab.spec.bridge}").exists()
    assert list(Path("/sys/fs/cgroup").glob("*/hardway-lab-test")) == []
    assert not cluster.lab.folder.exists()
