"""Run inputs that are read on the first control-plane node."""

import base64
import hashlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clusters import lab_cluster
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hardway.pki import catalog, sign
from hardway.workflows.inputs import questions


def test_the_ca_is_read_where_certificates_dir_says(tmp_path: Path) -> None:
    """Pin and CA of joining nodes are those of the cluster, in whatever directory it has its PKI."""
    cluster = lab_cluster()
    elsewhere = replace(cluster, paths=replace(cluster.paths, pki=str(tmp_path / "it's here")))
    made = sign.certificates(catalog.authorities(elsewhere), {}, datetime.now(UTC))
    content = made[f"{elsewhere.paths.pki}/ca.crt"]
    (tmp_path / "it's here").mkdir()
    (tmp_path / "it's here/ca.crt").write_bytes(content)
    public = x509.load_pem_x509_certificate(content).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    read = {
        name: subprocess.run(["bash", "-euc", text], capture_output=True, text=True, check=True).stdout.strip()
        for name, text in questions(elsewhere, ("ca-pin", "ca")).items()
    }

    assert read == {"ca-pin": f"sha256:{hashlib.sha256(der).hexdigest()}", "ca": base64.b64encode(content).decode()}
