"""Packages of Red Hat's family: the very text of the step, run by the real dnf and rpm in a root of their own.

No image of such a distribution is to be had here; so the packages are small ones of the right names, and the system below
them is this machine's. What a whole machine of that family does with them is not shown (docs/checks.md).
"""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.chapters import base_os
from hardway.errors import StepFailed
from hardway.model import Facts, Node, OsFamily, Role
from hardway.renderers import sandbox
from hardway.renderers.bash import text as as_bash
from hardway.steps import Packages, Run, lower

pytestmark = pytest.mark.parity

NODE = Node(
    "master-1.c.example.com", "master-1", "10.0.0.1", frozenset({Role.CONTROL_PLANE}), facts=Facts(OsFamily.REDHAT)
)
WANTED = base_os.packages(NODE)
PROVIDES = {
    # As in Red Hat's own repositories: the minimal curl is curl, and a package brings what another one needs.
    "curl-minimal": "Provides: curl = 8.0\nConflicts: curl",
    "socat": "Requires: readline-of-the-test",
}
SPEC = """\
Name: {name}
Version: 1.0
Release: 1
Summary: {name} of the test
License: none
BuildArch: noarch
AutoReqProv: no
{more}
%description
A package of the test.
%install
mkdir -p %{{buildroot}}/usr/share/of-the-test
echo {name} >%{{buildroot}}/usr/share/of-the-test/{name}
%files
/usr/share/of-the-test/{name}
"""
REPOSITORY = """\
mkdir -p /etc/yum.repos.d /etc/dnf
printf '[main]\\ngpgcheck=0\\nmodule_platform_id=platform:el9\\n' >/etc/dnf/dnf.conf
printf '[test]\\nname=test\\nbaseurl={url}\\ngpgcheck=0\\n' >/etc/yum.repos.d/test.repo
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with all packages of chapter 5 for a master, made by the real rpmbuild and createrepo_c."""
    folder = tmp_path_factory.mktemp("repository")
    specs = []
    for name in (*WANTED, "curl-minimal", "readline-of-the-test"):
        specs.append(folder / f"{name}.spec")
        specs[-1].write_text(SPEC.format(name=name, more=PROVIDES.get(name, "")))
    subprocess.run(
        ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}", "--define", f"_rpmdir {folder}/rpms", *specs],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    subprocess.run(["createrepo_c", "-q", folder / "rpms"], check=True)
    return folder / "rpms"


def run_of(*names: str) -> Run:
    (run,) = lower(Packages("base-os/packages", names or WANTED, OsFamily.REDHAT))
    assert isinstance(run, Run)
    return run


def machine(repository: Path) -> sandbox.Machine:
    plain = sandbox.machine(NODE)
    # dnf is written in Python, and belongs to the machine's own.
    scripts = {name: text for name, text in plain.scripts.items() if name != "python3"}
    return replace(plain, folders=(*plain.folders, repository), scripts=scripts)


def asked(run: Run) -> str:
    """bash that prints what the guard says."""
    return f"if (set -u\n{run.unless.script}) >/dev/null 2>&1; then echo yes; else echo no; fi\n"


def carried_out(repository: Path, script: str, url: str = "") -> list[str]:
    """Lines that the script prints on a machine whose only repository is this one."""
    whole = REPOSITORY.format(url=url or f"file://{repository}") + script
    return sandbox.run(machine(repository), whole, what="packages").output.splitlines()


INSTALLED = "rpm -qa --qf '%{NAME}\\n' | sort | sed 's/^/has /'\n"


def test_dnf_installs_what_is_missing(repository: Path) -> None:
    """All packages of a master and what they need; the guard says no before and yes afterwards."""
    run = run_of()
    said = carried_out(repository, asked(run) + run.script + asked(run) + INSTALLED)

    assert [line for line in said if line in ("yes", "no")] == ["no", "yes"]
    assert [line.removeprefix("has ") for line in said if line.startswith("has ")] == sorted(
        [*WANTED, "readline-of-the-test"]
    )


def test_what_is_there_stays_as_it_is(repository: Path) -> None:
    """curl-minimal is a curl: it is neither missing nor replaced; one package that goes missing is installed alone."""
    run = run_of()
    begin = "dnf install -q -y curl-minimal >/dev/null\n"
    lost = "rpm -e --nodeps jq\n"
    said = carried_out(
        repository, begin + run.script + asked(run) + lost + asked(run) + run.script + asked(run) + INSTALLED
    )
    has = {line.removeprefix("has ") for line in said if line.startswith("has ")}

    assert [line for line in said if line in ("yes", "no")] == ["yes", "no", "yes"]
    assert has == {*WANTED, "curl-minimal", "readline-of-the-test"} - {"curl"}


def test_the_text_may_be_typed_twice(repository: Path) -> None:
    """The printed guide has no guard: with nothing missing the same text does nothing, and needs no repository."""
    run = run_of("jq", "tree")
    typed = as_bash(run)
    said = carried_out(repository, f"{typed}\nrm -r /etc/yum.repos.d\n{typed}\n{INSTALLED}")

    assert [line for line in said if line.startswith("has ")] == ["has jq", "has tree"]


@pytest.mark.parametrize(
    ("url", "names", "told"),
    [
        ("file:///nowhere", ("jq",), "Failed to download metadata for repo 'test'"),
        ("http://127.0.0.1:9/", ("jq",), "Failed to download metadata for repo 'test'"),
        ("", ("jq", "no-such-package"), "Unable to find a match: no-such-package"),
    ],
)
def test_the_reason_of_a_failure_is_shown(url: str, names: tuple[str, ...], told: str, repository: Path) -> None:
    """A repository that does not answer, or has no such package: the step fails with dnf's own words, nothing is installed."""
    with pytest.raises(StepFailed) as failed:
        carried_out(repository, run_of(*names).script, url)

    assert told in failed.value.output
    assert "ended with 1" in failed.value.what


def test_a_damaged_package_is_not_installed(repository: Path, tmp_path: Path) -> None:
    """A package that does not fit its checksum in the repository's metadata is refused."""
    broken = tmp_path / "rpms"
    subprocess.run(["cp", "-a", repository, broken], check=True)
    (package,) = broken.rglob("jq-1.0-1.noarch.rpm")
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    with pytest.raises(StepFailed) as failed:
        carried_out(broken, run_of("jq").script)

    assert "jq" in failed.value.output
