"""The real kubeadm upgrades a cluster of hardway's to the next minor, as its documentation tells. They run in this order.

From 1.31 on kubeadm talks to the container runtime by itself; an older one would want crictl, which is not built here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from built import real_kubeadm
from e2e import stock
from e2e.harness import Harness, booted, eventually, write_cluster
from e2e.workload import assert_reached_by_name
from hardway.versions import release

pytestmark = [pytest.mark.lab, pytest.mark.long]

OLD, NEW = "v1.33.13", "v1.34.4"
FIRST = "master-1"
OTHERS = ("master-2", "master-3", "worker-1")
ZONE = "my-first-cluster.example.com"
# The kernel's configuration cannot be read in a container; every other check of kubeadm's has to hold.
IGNORED = "--ignore-preflight-errors=SystemVerification"
STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
GET = f"""\
cd "$(mktemp -d)"
for name in NAMES; do
  url="https://mirror.{ZONE}/dl.k8s.io/{NEW}/bin/linux/amd64/$name"
  curl -fsSL --remote-name-all "$url" "$url.sha256"
  echo "$(cat "$name.sha256")  $name" | sha256sum --check --quiet
  install -m 755 "$name" /usr/local/bin/
done
"""
ETCD = """\
cat >/run/kubeadm.yaml <<'EOF'
DOCUMENTS
EOF
unshare --mount bash -euc '
mount -t tmpfs tmpfs /etc/kubernetes/manifests
kubeadm init phase etcd local --config /run/kubeadm.yaml </dev/null >/run/kubeadm.log
cat /etc/kubernetes/manifests/etcd.yaml'
"""
"""Prints the manifest that kubeadm would write; the kubelet sees nothing of it."""


@dataclass(frozen=True)
class Upgrade:
    """One lab, and its cluster as it was made and as it is to be."""

    before: Harness
    after: Harness

    def get(self, node: str, *names: str) -> None:
        """The new release's binaries onto a node, as a user downloads them."""
        self.before.lab.exec(node, GET.replace("NAMES", " ".join(names)))

    def kubeadm(self, node: str, command: str) -> str:
        """Run kubeadm on a node; its output."""
        return self.before.lab.exec(
            node, f"kubeadm {command} </dev/null 2>/run/kubeadm.log || {{ cat /run/kubeadm.log >&2; exit 1; }}\n"
        )

    def kubelet(self, node: str) -> None:
        """Drain the node, bring the new kubelet, let it take pods again."""
        name = f"{node}.{ZONE}"
        self.before.kubectl(f"drain {name} --ignore-daemonsets --timeout=120s")
        self.get(node, "kubelet", *(["kubectl"] if node.startswith("master") else []))
        self.before.lab.exec(node, "systemctl daemon-reload && systemctl restart kubelet")
        self.before.kubectl(f"uncordon {name}")
        kubelet = f"get node {name} -o 'jsonpath={{.status.nodeInfo.kubeletVersion}}'"
        eventually(lambda: self.before.kubectl(kubelet) == NEW, 90, f"the new kubelet of {node}")
        eventually(lambda: node in self.before.ready_nodes(), 90, f"{node} to be Ready")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    """A cluster of the old release on a lab whose mirror has the new one, too."""
    folder = tmp_path_factory.mktemp("upgrades")
    file = write_cluster(folder, "minor", "10.58.0", OLD)
    new = folder / "new.yaml"
    new.write_text(file.read_text().replace(f"kubernetesVersion: {OLD}", f"kubernetesVersion: {NEW}"))
    with booted(file, "minor", also=[NEW]) as before:
        done = before.hardway("apply", check=False)
        assert done.returncode == 0, done.stderr + before.diagnosis()
        before.assert_whole()
        yield Upgrade(before, Harness(new, before.lab))


def differences(text: str) -> list[str]:
    """What `kubeadm upgrade diff` prints, without what it tells of itself."""
    return [line for line in text.splitlines() if line and not line.startswith("[upgrade")]


def test_the_old_kubeadm_would_change_nothing(both: Upgrade) -> None:
    """To the kubeadm of the cluster's own release the manifests are its own, to the byte.

    Three on every master; etcd's, which `upgrade diff` does not show, on the first one. (Those of the others name the
    members that were there when they joined.)
    """
    it = both.before
    for node in sorted(it.masters):
        it.put(real_kubeadm(OLD), node)
        assert differences(both.kubeadm(node, f"upgrade diff {OLD}")) == []
    etcd = it.lab.exec(FIRST, ETCD.replace("DOCUMENTS", stock.documents(it)[FIRST]))

    assert it.lab.exec(FIRST, "cat /etc/kubernetes/manifests/etcd.yaml") == etcd


def test_plan_knows_every_part(both: Upgrade) -> None:
    """kubeadm finds each component on each node with its version, and says to what it would bring it."""
    both.get(FIRST, "kubeadm")
    told = json.loads(both.kubeadm(FIRST, f"upgrade plan {NEW} -o json {IGNORED}"))
    (way,) = told["availableUpgrades"]
    parts = {
        (c["name"], c.get("nodeName", "").split(".")[0], c["currentVersion"], c["newVersion"])
        for c in way["components"]
    }
    has, gets = release(OLD), release(NEW)

    assert parts == {
        *(("kubelet", node, OLD, NEW) for node in (FIRST, *OTHERS)),
        *((name, node, OLD, NEW) for name in STATIC for node in both.before.masters),
        *(("etcd", node, has.etcd_image_tag, gets.etcd_image_tag) for node in both.before.masters),
        ("kube-proxy", "", OLD.removeprefix("v"), NEW),
        ("CoreDNS", "", has.coredns_image_tag, gets.coredns_image_tag),
        ("kubeadm", "", NEW, NEW),
    }
    assert [state["manualUpgradeRequired"] for state in told["configVersions"]] == [False, False]


def test_diff_shows_the_new_images(both: Upgrade) -> None:
    """kubeadm shows what changes in the manifests that hardway has written, but for etcd's."""
    shown = differences(both.kubeadm(FIRST, f"upgrade diff {NEW}"))

    assert {line for line in shown if line.startswith("---")} == {
        f"--- /etc/kubernetes/manifests/{name}.yaml" for name in STATIC
    }
    for name in STATIC:
        assert f"-    image: registry.k8s.io/{name}:{OLD}" in shown
        assert f"+    image: registry.k8s.io/{name}:{NEW}" in shown


def test_the_first_master_is_upgraded(both: Upgrade) -> None:
    """kubeadm pulls the images, replaces etcd and the three others, and stores the new configuration."""
    said = both.kubeadm(FIRST, f"upgrade apply {NEW} --yes {IGNORED}")
    both.kubelet(FIRST)

    assert f'SUCCESS! A control plane node of your cluster was upgraded to "{NEW}"' in said
    stored = both.before.kubectl("-n kube-system get cm kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}'")
    assert f"kubernetesVersion: {NEW}\n" in stored


@pytest.mark.parametrize("node", OTHERS)
def test_another_node_is_upgraded(both: Upgrade, node: str) -> None:
    """By what the first master has stored."""
    both.get(node, "kubeadm")
    both.kubeadm(node, f"upgrade node {IGNORED}")
    both.kubelet(node)


def test_everything_runs_with_the_new_version(both: Upgrade) -> None:
    """All nodes Ready, all pods run; three members of etcd vote, and are healthy, with the etcd of the new release."""
    it = both.before
    eventually(lambda: it.ready_nodes() == it.nodes, 90, "all nodes to be Ready")
    it.settle()
    images = it.kubectl("-n kube-system get pods -o 'jsonpath={.items[*].spec.containers[*].image}'")
    status = json.loads(it.etcdctl("endpoint status --cluster -w json"))
    health = json.loads(it.etcdctl("endpoint health --cluster -w json"))

    assert OLD not in images
    assert images.count(NEW) == 3 * len(it.masters) + len(it.nodes)
    assert it.voters() == it.masters
    assert [member["Status"]["version"] for member in status] == [release(NEW).etcd.removeprefix("v")] * 3
    assert [member["health"] for member in health] == [True] * 3
    assert_reached_by_name(it)


def test_kubeadm_would_change_nothing_more(both: Upgrade) -> None:
    """Nothing is left to upgrade, and the three manifests that `upgrade diff` shows are those that kubeadm would write."""
    for node in sorted(both.before.masters):
        assert differences(both.kubeadm(node, f"upgrade diff {NEW}")) == []
    assert both.kubeadm(FIRST, f"upgrade plan {NEW} -o json {IGNORED}").strip() == ""


def test_the_audit_finds_nothing(both: Upgrade) -> None:
    """The upgraded cluster is what its kubeadm-config says, which now says the new version."""
    both.after.assert_nothing_found()


def test_a_reboot_undoes_nothing(both: Upgrade) -> None:
    """cluster.yaml still has the old version, and so has the node's own installer: the new kubelet stays."""
    it, node = both.before, f"get node worker-1.{ZONE} -o"
    installed = "journalctl -b -o cat -t kubelet-installer"
    reported = f"{node} 'jsonpath={{.status.conditions[?(@.type==\"Ready\")].lastHeartbeatTime}}'"
    it.lab.stop_node("worker-1")
    off = datetime.now(UTC)
    it.lab.start_node("worker-1")
    eventually(lambda: "it stays" in it.lab.exec("worker-1", installed), 60, "the installer of the kubelet")
    # Until the kubelet reports again, version and readiness of the Node are those of its life before.
    eventually(lambda: datetime.fromisoformat(it.kubectl(reported)) > off, 120, "the worker's kubelet to report")
    eventually(lambda: it.ready_nodes() == it.nodes, 120, "the worker to be back")

    assert it.kubectl(f"{node} 'jsonpath={{.status.nodeInfo.kubeletVersion}}'") == NEW
    running = '"/proc/$(systemctl show -P MainPID kubelet)/exe" --version'
    assert it.lab.exec("worker-1", running) == f"Kubernetes {NEW}\n"


def test_the_old_file_is_refused(both: Upgrade) -> None:
    """It would bring the old control plane back, which the new kubelets are too new for."""
    refused = both.before.hardway("apply", check=False)

    assert refused.returncode == 3
    assert "VersionSkew" in refused.stderr
    assert "nothing was changed" in refused.stderr


def left_to_hardway(node: str) -> set[tuple[str, str, str]]:
    """Node, chapter and title of what an upgrade by kubeadm leaves as it was on a node."""
    programs = ["kubelet", *(["etcd", "kubectl"] if node.startswith("master") else []), "cni-plugins"]
    files = [f"/etc/default/{name}/{file}" for name in programs for file in ("download.env", "download-script.sh")]
    # One step looks after all units of a node, also of those programs that stay as they are.
    units = " ".join(f"{name}-install.service" for name in ("runc", "containerd", *programs))
    return {
        *((node, "install-components", f"write {file}") for file in files),
        (node, "install-components", f"enable and start {units}"),
        (node, "configure-components", "write /etc/containerd/conf.d/in-cloud.toml"),
        (node, "configure-components", "enable and start containerd.service"),
        (node, "kubelet-start", "write /var/lib/kubelet/kubeadm-flags.env"),
        (node, "kubelet-start", "enable and start kubelet.service"),
    }


def test_the_plan_names_what_kubeadm_does_not_look_after(both: Upgrade) -> None:
    """With the new version in cluster.yaml hardway has to bring only what lies outside kubeadm's reach; then it is whole.

    The release's own etcdctl and network plugins, how the binaries are fetched when a machine has lost them, and the
    pause image, which kubeadm's upgrade leaves in containerd's and in the kubelet's flags as it was.
    """
    it = both.after
    it.settle()
    changes = json.loads(it.hardway("plan", "--json").stdout)["changes"]
    due = {(c["node"].split(".")[0], c["chapter"], c["title"]) for c in changes if c["status"] == "change"}

    assert due == {item for node in it.nodes for item in left_to_hardway(node)}
    it.hardway("apply")
    it.assert_whole()
    assert_reached_by_name(it)
