"""hardway versions: which Kubernetes, and what belongs to it."""

from importlib.metadata import version
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.options import Json
from hardway.model.skew import SKEW
from hardway.versions import RELEASES


def versions(
    json: Json = False,
    skew: Annotated[bool, typer.Option("--skew", help="How far versions in one cluster may be apart")] = False,
) -> None:
    """List the supported versions of Kubernetes with the components that are pinned to each."""
    if skew:
        _skew(json)
        return
    rows: list[outputs.Pinned] = [
        {
            "kubernetes": release.kubernetes,
            "etcd": release.etcd,
            "coredns": release.coredns_image_tag,
            "pause": release.pause_image_tag,
            "containerd": release.containerd,
            "runc": release.runc,
            "crictl": release.crictl,
            "cniPlugins": release.cni_plugins,
            "configApis": list(release.features.config_apis),
        }
        for release in RELEASES
    ]
    if json:
        ui.data(outputs.VERSIONS.text({"hardway": version("hardway"), "releases": rows}))
        return
    headers = ("KUBERNETES", "ETCD", "COREDNS", "PAUSE", "CONTAINERD", "RUNC", "CRICTL", "CNI PLUGINS", "KUBEADM API")
    ui.table(headers, [tuple(" ".join(v) if isinstance(v, list) else str(v) for v in row.values()) for row in rows])


def _skew(json: bool) -> None:
    if json:
        ui.data(
            outputs.SKEW.text([{"component": row.component, "older": row.older, "newer": row.newer} for row in SKEW])
        )
    else:
        ui.table(("COMPONENT", "BESIDE ANY API SERVER"), [(row.component, str(row)) for row in SKEW])


def show_own(wanted: bool) -> None:
    """The value of --version."""
    if wanted:
        ui.data(f"hardway {version('hardway')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=show_own, is_eager=True, help="Show the version")]
