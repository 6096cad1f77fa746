"""Secret kubeadm-certs: does each of its values open with the certificate key, and is it the right file?

kubeadm's dry run shows the names only, so what it would put there is taken from its source (`shared.transferred`). The
living oracle (`parity.stored`) opens kubeadm's own Secret, and finds these files.
"""

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hardway.parity.certificates import same_as
from hardway.parity.compare import Difference
from hardway.parity.made import Requests, objects_of
from hardway.parity.objects import secret_data

ITEM = "Secret kube-system/kubeadm-certs"
NOTHING = "nothing"
NONCE = 12
"""Bytes of AES-GCM's nonce, which stands before the ciphertext."""


def differences(requests: Requests, files: Mapping[str, bytes], wanted: Mapping[str, str]) -> tuple[Difference, ...]:
    """Every value that is not its file, encrypted with the run's certificate key; empty where there is no file."""
    found = []
    for call in requests.calls:
        for value in objects_of(call):
            if value["kind"] == "Secret" and value["metadata"]["name"] == "kubeadm-certs":
                data = secret_data(value)
                for name, path in wanted.items():
                    wish = f"content of {path}" if path else NOTHING
                    actual = opened(data.get(name), requests.certificate_key, files)
                    if actual != wish:
                        found.append(Difference(ITEM, f"data.{name}.opened", actual, wish))
    return tuple(found)


def opened(blob: bytes | None, key: str, files: Mapping[str, bytes]) -> str:
    """Which of the files the value is, once opened with the certificate key."""
    if not blob:
        return NOTHING
    try:
        return same_as(AESGCM(bytes.fromhex(key)).decrypt(blob[:NONCE], blob[NONCE:], None), files)
    except (InvalidTag, ValueError):
        return "cannot be opened with the certificate key"
