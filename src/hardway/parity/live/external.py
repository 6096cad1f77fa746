"""The files with which API servers reach an external etcd, as masters have them. Its members are nobody's business here. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509

from hardway.model import EtcdExternal, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.pems import public_hash
from hardway.parity.live.runtime import SOON, SOON_OF_CA, ending
from hardway.parity.live.seen import SeenNode
from hardway.steps.shell import quote

CHAPTER = "download-certs"
RENEWAL = "whoever runs etcd issues a new one"


def files(judge: Judge, node: Node, seen: SeenNode) -> Iterator[Finding]:
    """Each of them is there, the key is the certificate's and root's alone, and no certificate has ended."""
    etcd = judge.cluster.etcd
    if not isinstance(etcd, EtcdExternal) or not node.is_control_plane:
        return
    for path in etcd.files:
        if path not in seen.files:
            cure = f"take {path} from a master whose API server works, or from whoever runs etcd"
            yield Finding(Grade.ERROR, node.name, CHAPTER, path, "item", "present", ABSENT, cure)
    certificate, key = seen.files.get(etcd.cert_file), seen.files.get(etcd.key_file)
    # One that is called *.key has been judged with all other keys.
    if key and key.mode & 0o077 and not etcd.key_file.endswith(".key"):
        cure = f"chmod 600 {quote(etcd.key_file)}"
        mode = f"{key.mode:04o}"
        yield Finding(Grade.ERROR, node.name, CHAPTER, etcd.key_file, "file.mode", "0600", mode, cure)
    told = seen.keys.get(etcd.key_file)
    # None: nobody could ask; of what openssl cannot read it is empty, which fits nothing.
    public = told.public if told else None
    if certificate and public is not None and public_hash(certificate.content) != (public or "none"):
        wrong = f"does not fit {etcd.cert_file}"
        cure = "take both from a master whose API server works, or from whoever runs etcd"
        yield Finding(Grade.ERROR, node.name, CHAPTER, etcd.key_file, "pair", "fits", wrong, cure)
    for path, soon in ((etcd.ca_file, SOON_OF_CA), (etcd.cert_file, SOON)):
        if path in seen.files:
            yield from _end(judge, node, path, seen.files[path].content, soon)


def _end(judge: Judge, node: Node, path: str, pem: bytes, soon: timedelta) -> Iterator[Finding]:
    try:
        end = x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError:
        yield Finding(Grade.ERROR, node.name, CHAPTER, path, "certificate", "one in PEM", "none that can be read")
        return
    yield from ending(judge, node, path, end, soon, RENEWAL)
