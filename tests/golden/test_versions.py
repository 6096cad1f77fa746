"""docs/versions.md is the table of features, made from the code."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from hardway import features
from hardway.features import Features, Gate
from hardway.versions import RELEASES, Release

PAGE = Path(__file__).resolve().parents[2] / "docs/versions.md"
HEAD = """\
# Versions: what differs between minors of Kubernetes

Made from `src/hardway/versions.py` and `src/hardway/features.py` by `make golden`. Chapters ask for features by name;
no code compares version numbers. Every row is held against the real kubeadm of its release (`tests/parity/test_minors.py`).

## What belongs together

Sources of a row, at the tag of its release: etcd, CoreDNS and pause from kubeadm's `app/constants`; crictl and CNI
plugins from Kubernetes' `build/dependencies.yaml` (v1.30.4: the article's). containerd and runc are the article's for
all: Kubernetes pins none, and chapter 9 writes the configuration of containerd 1.7. Kubelets from 1.35 on refuse
cgroup v1 unless KubeletConfiguration says `failCgroupV1: false`.

Clusters of v1.30.4, v1.34.4 and v1.37.2 come up on live nodes (`tests/e2e`: test_acid, test_live_minors), and kubeadm
upgrades one from v1.33.13 to v1.34.4 (test_kubeadm_upgrades).

"""
NOTES = """\

## Worth knowing

- The table tells of the release that is listed, not of every patch of its minor: the binding of the API server's client
  certificate (`kubelet_client_is_admin`) came to 1.33.13 and 1.36.3, and is not in 1.34.4 and 1.35.4; key identifiers
  depend on the Go that a patch release was built with.
- From 1.32 on `kubeadm init --dry-run` shows no patch of a Node; labels and taints are compared with the lines that
  tell of them, the annotation with the CRI socket (up to 1.33) with what kubeadm stores in a living cluster
  (docs/parity.md).
- Of `timeouts` only `controlPlaneComponentHealthCheck` changes a file (startup probes). The others are how long kubeadm
  itself waits; here each step has its own patience.
- `nodeRegistration.imagePullSerial` is read and changes nothing: kubelets pull the images here.
"""


def page() -> str:
    """The whole page."""
    rows = [
        (r.kubernetes, r.etcd_image_tag, r.coredns_image_tag, r.pause_image_tag, r.crictl, r.cni_plugins)
        for r in RELEASES
    ]
    return (
        HEAD
        + _table(("Kubernetes", "etcd", "CoreDNS", "pause", "crictl", "CNI plugins"), rows)
        + "\n## Features\n\n"
        + _table(("feature", "what it says", "releases"), _features())
        + "\n## kubeadm's feature gates\n\n"
        + _table(("gate", "default"), _gates())
        + NOTES
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _features() -> list[tuple[str, ...]]:
    meanings = _meanings()
    return [
        (f"`{field.name}`", meanings[field.name], _runs({r: getattr(r.features, field.name) for r in RELEASES}))
        for field in fields(Features)
        if field.name != "gates"
    ]


def _gates() -> list[tuple[str, ...]]:
    names = dict.fromkeys(name for release in RELEASES for name in release.features.gates)
    return [(f"`{name}`", _runs({r: r.features.gates.get(name) for r in RELEASES})) for name in names]


def _runs(values: Mapping[Release, object]) -> str:
    """Which releases have which value, neighbours together."""
    parts, before = [], frozenset[str]()
    for value, run in groupby(values, key=lambda release: values[release]):
        minors = [release.minor for release in run]
        span = minors[0] if len(minors) == 1 else f"{minors[0]}-{minors[-1]}"
        if isinstance(value, frozenset):
            gone = f", without {_said(before - value)}" if before - value else ""
            parts.append(f"{span}: {'and ' if before else ''}{_said(value - before)}{gone}")
            before = value
        else:
            parts.append(f"{span}: {_said(value)}")
    return "all: " + _said(next(iter(values.values()))) if len(parts) == 1 else "; ".join(parts)


def _said(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "unknown"
        case Gate():
            return f"{str(value.default).lower()}{', locked' if value.locked else ''}"
        case frozenset() | tuple():
            return (
                ", ".join(f"`{item}`" for item in (sorted(value) if isinstance(value, frozenset) else value))
                or "none"
            )
        case _:
            return f"`{value}`" if value else "none"


def _meanings() -> dict[str, str]:
    """The text below each field of Features."""
    tree = ast.parse(Path(features.__file__).read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Features").body
    return dict(_described(body))


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            assert isinstance(text.value, ast.Constant)
            yield field.target.id, " ".join(str(text.value.value).split())


def test_the_page_is_current(request: pytest.FixtureRequest) -> None:
    """What a reader finds there is what chapters select on."""
    made, stored = page(), PAGE.read_text() if PAGE.exists() else ""
    if request.config.getoption("--golden"):
        PAGE.write_text(made)

    assert stored == made, "make golden writes it anew"
