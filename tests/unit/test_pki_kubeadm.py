"""Field by field the same as what the real kubeadm issues for the same cluster."""

import base64
import re
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pki_samples import CONFIGURATION, carry_out, cluster_below, fields, files

from built import real_kubeadm
from hardway.chapters import certs, kubeconfig
from hardway.pki import catalog, sign
from hardway.steps import Directory

pytestmark = pytest.mark.parity


def kubeadm(root: Path) -> dict[str, bytes]:
    """The files that kubeadm leaves, by their path below the root."""
    pki, configuration = root / "etc/pki", root / "kubeadm.yaml"
    configuration.write_text(CONFIGURATION.replace("PKI", str(pki)))
    for phase in (["certs", "all"], ["kubeconfig", "all", f"--kubeconfig-dir={root}/etc"]):
        subprocess.run(
            [str(real_kubeadm()), "init", "phase", *phase, f"--config={configuration}"],
            check=True,
            capture_output=True,
        )
    return {path.removeprefix(str(root)): content for path, content in files(root / "etc").items()}


def hardway(root: Path) -> dict[str, bytes]:
    """The files that our chapters leave, by their path below the root."""
    cluster = cluster_below(root)
    for chapter in (certs.CERTS, kubeconfig.KUBECONFIG):
        steps = list(chapter.steps(cluster, cluster.first_control_plane))
        for step in steps:
            if isinstance(step, Directory):
                Path(step.path).mkdir(parents=True, exist_ok=True)
        carry_out(root, (step for step in steps if not isinstance(step, Directory)))
    return {path.removeprefix(str(root)): content for path, content in files(root / "etc").items()}


def described(path: str, content: bytes) -> object:
    """A file without what is random in it."""
    if path.endswith(".crt"):
        return fields(content)
    if path.endswith(".conf"):
        embedded = yaml.safe_load(content)["users"][0]["user"]["client-certificate-data"]
        return re.sub(rb"data: .*", b"", content), fields(base64.b64decode(embedded))
    return content.splitlines()[0]


def test_the_files_are_kubeadms(tmp_path: Path) -> None:
    """Names, modes, subjects, SANs with their order, usages, constraints, identifiers, validity, serials, key form."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    expected, actual = kubeadm(theirs), hardway(ours)
    assert sorted(expected) == sorted(actual)
    for path in expected:
        assert described(path, expected[path]) == described(path, actual[path]), path
        modes = [stat.S_IMODE(Path(f"{root}{path}").stat().st_mode) for root in (theirs, ours)]
        assert modes[0] == modes[1], path


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "secp521r1"])
def test_authorities_of_ones_own_sign_as_kubeadms(curve: str, tmp_path: Path) -> None:
    """Whatever curve the CAs have that somebody brought: the hashes are Go's, with openssl and where we sign."""
    theirs, ours, here = roots = [tmp_path / name for name in ("theirs", "ours", "here")]
    for folder in ("etc/pki", "etc/pki/etcd"):
        for root in roots:
            (root / folder).mkdir(parents=True)
    for name in ("ca", "front-proxy-ca", "etcd/ca"):
        of_their_own(theirs / "etc/pki" / name, curve)
        for suffix in (".crt", ".key"):
            for root in (ours, here):
                shutil.copy(theirs / f"etc/pki/{name}{suffix}", root / f"etc/pki/{name}{suffix}")
    expected, actual, cluster = kubeadm(theirs), hardway(ours), cluster_below(here)
    specs = catalog.certificates(cluster, cluster.first_control_plane)
    signed = sign.certificates(specs, files(here / "etc"), datetime.now(UTC))
    assert "apiserver.crt" in {Path(path).name for path in signed}
    for path, content in expected.items():
        if path.endswith((".crt", ".conf")):
            assert described(path, content) == described(path, actual[path]), path
    for path, content in signed.items():
        if path.endswith(".crt"):
            known = path.removeprefix(str(here))
            assert described(known, expected[known]) == described(known, content), path


def of_their_own(path: Path, curve: str) -> None:
    """A CA with its key, as an openssl user makes one."""
    key, certificate = f"{path}.key", f"{path}.crt"
    subprocess.run(["openssl", "ecparam", "-genkey", "-noout", "-name", curve, "-out", key], check=True)
    request = ["openssl", "req", "-x509", "-new", "-key", key, "-out", certificate, "-days", "3650"]
    usages = ["-addext", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"]
    subprocess.run([*request, "-subj", f"/O=Example/CN={path.name} root", *usages], check=True)


def test_kubeadm_takes_our_files_for_its_own(tmp_path: Path) -> None:
    """Run over our files, kubeadm's phases leave every byte as it was."""
    before = hardway(tmp_path)
    assert before == kubeadm(tmp_path)


def test_our_steps_take_kubeadms_files_for_their_own(tmp_path: Path) -> None:
    """Run over kubeadm's files, our chapters find nothing to do."""
    before = kubeadm(tmp_path)
    assert before == hardway(tmp_path)
