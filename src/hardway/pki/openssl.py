"""Certificates, key pairs and kubeconfigs as the openssl and kubectl commands that the guide shows (pure text)."""

from hardway.pki.catalog import CertSpec, KeyPairSpec
from hardway.pki.kubeconfigs import KubeconfigSpec


def issue(spec: CertSpec) -> str:
    """bash that makes key and certificate."""
    raise NotImplementedError


def issued(spec: CertSpec) -> str:
    """bash, exit 0 when key and certificate satisfy the request."""
    raise NotImplementedError


def make_key_pair(spec: KeyPairSpec) -> str:
    """bash that makes the key pair."""
    raise NotImplementedError


def key_pair_made(spec: KeyPairSpec) -> str:
    """bash, exit 0 when the key pair exists and fits together."""
    raise NotImplementedError


def write_kubeconfig(spec: KubeconfigSpec) -> str:
    """bash that issues the client certificate and writes the kubeconfig."""
    raise NotImplementedError


def kubeconfig_written(spec: KubeconfigSpec) -> str:
    """bash, exit 0 when the kubeconfig satisfies the request."""
    raise NotImplementedError
