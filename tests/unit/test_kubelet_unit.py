"""The kubelet's unit beside that of the packages which kubeadm expects, setting by setting.

kubeadm writes no unit itself: the packages kubelet and kubeadm bring it (kubernetes/release, `cmd/krel/templates`;
kubernetes.io, "Configuring each kubelet in your cluster using kubeadm").
"""

from collections import defaultdict

from clusters import lab_cluster

from hardway.chapters.components import UNITS
from hardway.chapters.configure_components import CONFIGURE_COMPONENTS
from hardway.steps import File

Settings = dict[tuple[str, str], list[str]]
"""Section and name to values in their order; an empty one takes away those before it, as systemd has it."""

OF_PACKAGES: Settings = {
    ("Unit", "Description"): ["kubelet: The Kubernetes Node Agent"],
    ("Unit", "Documentation"): ["https://kubernetes.io/docs/"],
    ("Unit", "Wants"): ["network-online.target"],
    ("Unit", "After"): ["network-online.target"],
    ("Unit", "StartLimitIntervalSec"): ["0"],
    ("Service", "Restart"): ["always"],
    ("Service", "RestartSec"): ["10"],
    ("Service", "Environment"): [
        '"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf'
        ' --kubeconfig=/etc/kubernetes/kubelet.conf"',
        '"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"',
    ],
    ("Service", "EnvironmentFile"): ["-/var/lib/kubelet/kubeadm-flags.env", "-/etc/default/kubelet"],
    ("Service", "ExecStart"): [
        "/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS"
    ],
    ("Install", "WantedBy"): ["multi-user.target"],
}
"""kubelet.service and 10-kubeadm.conf together. Of StartLimitInterval they have the name that systemd had before 230."""

OURS = {
    # Binaries that no package owns are below /usr/local (article chapter 8).
    ("Service", "ExecStart"): [OF_PACKAGES["Service", "ExecStart"][0].replace("/usr/bin/", "/usr/local/bin/")],
    # The operator's flags lie in a directory (article chapter 9).
    ("Service", "EnvironmentFile"): [
        "-/var/lib/kubelet/kubeadm-flags.env",
        "-/etc/default/kubelet/extra-args.env",
    ],
    # At a boot the kubelet waits for its runtime, in place of failing and starting again.
    ("Unit", "Wants"): ["network-online.target", "containerd.service"],
    ("Unit", "After"): ["network-online.target", "containerd.service"],
}
"""What differs, with the reason."""

LISTS = ("Wants", "After")
"""Settings of which one line holds many."""


def settings(*texts: str) -> Settings:
    """A unit and its drop-ins, as systemd reads them one after the other."""
    found: Settings = defaultdict(list)
    for text in texts:
        section = ""
        for line in text.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
                continue
            name, _, value = line.partition("=")
            if not value:
                found[section, name].clear()
            else:
                found[section, name] += value.split() if name in LISTS else [value]
    return dict(found)


def test_the_unit_is_that_of_the_packages_but_for_what_has_a_reason() -> None:
    """Every setting of both, by value and in order; nothing more and nothing less."""
    cluster = lab_cluster()
    files = {
        step.path: step.content
        for step in CONFIGURE_COMPONENTS.steps(cluster, cluster.first_control_plane)
        if isinstance(step, File)
    }
    unit = f"{UNITS}/kubelet.service"

    assert settings(files[unit], files[f"{unit}.d/10-kubeadm.conf"]) == {**OF_PACKAGES, **OURS}
    assert [path for path in files if path.startswith(f"{UNITS}/kubelet")] == [unit, f"{unit}.d/10-kubeadm.conf"]
