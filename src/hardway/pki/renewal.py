"""New keys and certificates in the place of those that will end (pure text; `kubeadm certs renew`).

Source: kubeadm v1.30.4 `app/phases/certs/renewal`: a new key each time, and the fields of the certificate that is
there. A CA is never renewed.
"""

from shlex import quote

from hardway.pki.catalog import CertSpec
from hardway.pki.current_context import embedded_certificate, named
from hardway.pki.kubeconfigs import KubeconfigSpec
from hardway.pki.openssl import BEGIN, FIRST_CERTIFICATE, VERIFY, make_key, need_ca, sign_commands


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
    """bash that gives the user of a kubeconfig's current context a new certificate and key, and leaves the others alone.

    As kubeadm does it, which brings the CA of the context's cluster up to date, too.
    """
    new = quote(f"{path}.new")
    into = f"kubectl config --kubeconfig={new}"
    refusal = f"the current context of {path} leads to no user and cluster"
    return (
        _issue(spec, path)
        + f'user="$({named(path, "user")})" cluster="$({named(path, "cluster")})"\n'
        + f'if [ -z "$user" ] || [ -z "$cluster" ]; then\n  echo {quote(refusal)} >&2\n  exit 1\nfi\n'
        + f'{FIRST_CERTIFICATE} {quote(spec.ca_certificate)} >"$work/ca.crt"\n'
        + f"cp {quote(path)} {new}\n"
        + f'{into} set-credentials "$user" --embed-certs'
        + ' --client-certificate="$work/tls.crt" --client-key="$work/tls.key" >/dev/null\n'
        + f'{into} set-cluster "$cluster" --embed-certs --certificate-authority="$work/ca.crt" >/dev/null\n'
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
