"""New keys and certificates in the place of those that will end (pure text; `kubeadm certs renew`).

Source: kubeadm v1.30.4 `app/phases/certs/renewal`: a new key each time, and the fields of the certificate that is
there. A CA is never renewed.
"""

from shlex import quote

from hardway.pki.catalog import CertSpec
from hardway.pki.current_context import current_context, embedded_certificate
from hardway.pki.kubeconfigs import KubeconfigSpec
from hardway.pki.openssl import BEGIN, FIRST_CERTIFICATE, VERIFY, make_key, need_ca, sign_commands

_INTO_KUBECONFIG = """\
number=0
# Only words of the shell itself touch the key, so that it is in no command line.
while IFS= read -r line || [ -n "$line" ]; do
  number=$((number + 1))
  case "$number" in
    "$ca_at") printf '%s %s\\n' "${line%%data:*}data:" "$ca" ;;
    "$certificate_at") printf '%s %s\\n' "${line%%data:*}data:" "$certificate" ;;
    "$key_at") printf '%s %s\\n' "${line%%data:*}data:" "$key" ;;
    *) printf '%s\\n' "$line" ;;
  esac
"""
"""As kubeadm, which brings the CA up to date too."""


def printing(spec: CertSpec | KubeconfigSpec) -> str:
    """Command that prints the PEM text of a certificate, also where it is embedded in a kubeconfig."""
    if isinstance(spec, KubeconfigSpec):
        return embedded_certificate(spec.path)
    return f"cat {quote(spec.certificate)}"


def renew(spec: CertSpec) -> str:
    """bash that issues the certificate anew, with a new key, for what the request says."""
    certificate, key = quote(spec.certificate), quote(spec.key)
    return (
        _issue(spec, spec.certificate)
        + f'install -m 0600 "$work/tls.key" {quote(spec.key + ".new")}\n'
        + f'install -m 0644 "$work/tls.crt" {quote(spec.certificate + ".new")}\n'
        + f"mv {quote(spec.key + '.new')} {key}\n"
        + f"mv {quote(spec.certificate + '.new')} {certificate}\n)\n"
    )


def renew_kubeconfig(path: str, spec: CertSpec) -> str:
    """bash that gives the user of a kubeconfig's current context a new certificate and key, and leaves the others alone."""
    new = quote(f"{path}.new")
    refusal = f"{path}: the current context leads to no user with an embedded certificate and key"
    return (
        _issue(spec, path)
        + f'used="$({current_context(path)})"\n'
        + 'at() { while read -r number name _; do [ "$name" != "$1-data:" ] || echo "$number"; done <<<"$used"; }\n'
        + 'ca_at="$(at certificate-authority)" certificate_at="$(at client-certificate)" key_at="$(at client-key)"\n'
        + f'if [ -z "$certificate_at" ] || [ -z "$key_at" ]; then\n  echo {quote(refusal)} >&2\n  exit 1\nfi\n'
        + f'ca="$({FIRST_CERTIFICATE} {quote(spec.ca_certificate)} | base64 -w0)"\n'
        + 'certificate="$(base64 -w0 "$work/tls.crt")" key="$(base64 -w0 "$work/tls.key")"\n'
        + _INTO_KUBECONFIG
        + f"done <{quote(path)} >{new}\n"
        + f"mv {new} {quote(path)}\n)\n"
    )


def _issue(spec: CertSpec, file: str) -> str:
    return (
        BEGIN
        + need_ca(spec.ca_certificate, spec.ca_key, file)
        + make_key(spec.algorithm, '"$work/tls.key"')
        + "\n"
        + sign_commands(spec, '"$work/tls.key"')
        # A CA that has been replaced beside its key would make what nobody trusts.
        + f'{VERIFY} -CAfile {quote(spec.ca_certificate)} "$work/tls.crt" >/dev/null\n'
    )
