"""Is what was requested there? Keys, certificates and kubeconfigs as questions to a node (pure text).

Few processes, because these are asked on every run. A thing that was decided once is left alone as long as it
satisfies the request: a certificate with more names, or one that kubeadm or somebody's own CA made, is as good.
"""

from collections.abc import Iterable
from shlex import quote

from hardway.pki.catalog import CertSpec, KeyPairSpec, Usage
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate
from hardway.pki.openssl import printed_address

_USAGE_TEXT = {
    Usage.SERVER: "TLS Web Server Authentication",
    Usage.CLIENT: "TLS Web Client Authentication",
}
"""As openssl prints the extended key usages."""


def keys_made(files: Iterable[str]) -> str:
    """bash, exit 0 when each key is there, or its certificate (then nobody makes a key for it)."""
    return "".join(
        f"[ -s {quote(file)} ] || [ -s {quote(_beside(file))} ] || {_no(f'{file} is missing')}" for file in files
    )


def kubeconfig_keys_made(keys: str, specs: Iterable[KubeconfigSpec]) -> str:
    """bash, exit 0 when for each kubeconfig it is there itself, or at least a key in the directory `keys`."""
    return "".join(
        f"[ -s {quote(spec.path)} ] || [ -s {quote(f'{keys}/{spec.name}.key')} ] || {_no(f'no key for {spec.path}')}"
        for spec in specs
    )


def issued(spec: CertSpec) -> str:
    """bash, exit 0 when key and certificate satisfy the request.

    A CA may have any subject, and may lack its key (external CA), as for kubeadm.
    """
    certificate, key = quote(spec.certificate), quote(spec.key)
    belongs = (
        f'case "$text" in *"$(openssl pkey -pubout -in {key} 2>&1)"*) ;; '
        f"*) echo 'the key does not belong to the certificate'; exit 1 ;; esac\n"
    )
    if spec.is_ca:
        return (
            f"[ -s {certificate} ] || {_no('no certificate yet')}"
            f'text="$(openssl x509 -noout -pubkey -checkend 0 -ext basicConstraints -in {certificate} 2>&1)" ||\n'
            f"  {_no('expired or not readable')}"
            f"case \"$text\" in *CA:TRUE*) ;; *) echo 'it is not a CA'; exit 1 ;; esac\n"
            f"[ ! -s {key} ] || {belongs}"
        )
    return (
        f"[ -s {certificate} ] || {_no('no certificate yet')}"
        f"[ -s {key} ] || {_no('no key')}"
        f'text="$({_SHOW} -pubkey -in {certificate} 2>&1)" || {_no("expired or not readable")}'
        + belongs
        + _satisfies(spec)
        + f"openssl verify -partial_chain -CAfile {quote(spec.ca_certificate)} {certificate} >/dev/null 2>&1 ||\n"
        + f"  {_no(f'it was not signed by {spec.ca_certificate}')}"
    )


def key_pair_made(spec: KeyPairSpec) -> str:
    """bash, exit 0 when the key pair exists and fits together (the public file may hold older keys too)."""
    private, public = quote(spec.private_key), quote(spec.public_key)
    return (
        f"[ -s {private} ] || {_no('no key yet')}"
        f"[ -s {public} ] || {_no('no public key yet')}"
        f'case "$(cat {public})" in *"$(openssl pkey -pubout -in {private} 2>&1)"*) ;;\n'
        f"  *) echo {quote(f'{spec.public_key} does not belong to {spec.private_key}')}; exit 1 ;; esac\n"
    )


def kubeconfig_written(spec: KubeconfigSpec) -> str:
    """bash, exit 0 when the kubeconfig satisfies the request, or has been pointed at the rotated certificate."""
    path, ca = quote(spec.path), quote(spec.ca_certificate)
    rotated = (
        f"case \"$conf\" in *'client-certificate: '{quote(spec.rotated)}[[:space:]]*) exit 0 ;; esac\n"
        if spec.rotated
        else ""
    )
    return (
        f"[ -s {path} ] || {_no('not written yet')}"
        f'conf="$(cat {path})"\n'
        f"case \"$conf\" in *'server: '{quote(spec.server)}[[:space:]]*) ;; "
        "*) echo 'it points to another server'; exit 1 ;; esac\n"
        f'case "$conf" in *"$(openssl x509 -in {ca} 2>&1 | base64 -w0)"*) ;; '
        "*) echo 'it has another CA'; exit 1 ;; esac\n"
        + rotated
        + 'data="${conf#*client-certificate-data: }"\n'
        + f'[ "$data" != "$conf" ] || {_no("it has no embedded certificate")}'
        + "pem=\"$(printf '%s' \"${data%%$'\\n'*}\" | base64 -d 2>/dev/null)\"\n"
        + f'text="$(printf \'%s\\n\' "$pem" | {_SHOW} 2>&1)" || {_no("expired or not readable")}'
        + _satisfies(client_certificate(spec))
        + f"printf '%s\\n' \"$pem\" | openssl verify -partial_chain -CAfile {ca} >/dev/null 2>&1 ||\n"
        + f"  {_no(f'its certificate was not signed by {spec.ca_certificate}')}"
    )


def lasts(spec: CertSpec | KubeconfigSpec, seconds: int) -> str:
    """bash, exit 0 when the certificate does not end within that many seconds."""
    if isinstance(spec, CertSpec):
        return (
            f'end="$(openssl x509 -noout -enddate -checkend {seconds} -in {quote(spec.certificate)} 2>&1)" ||\n'
            "  { echo \"${end%%$'\\n'*}\"; exit 1; }\n"
        )
    path = quote(spec.path)
    embedded = f"sed -n 's/^ *client-certificate-data: //p' {path} | base64 -d"
    if spec.rotated:
        embedded = f"if grep -q client-certificate-data: {path}; then {embedded}; else cat {quote(spec.rotated)}; fi"
    return (
        f'end="$({{ {embedded}; }} 2>/dev/null | openssl x509 -noout -enddate -checkend {seconds} 2>&1)" ||\n'
        "  { echo \"${end%%$'\\n'*}\"; exit 1; }\n"
    )


_SHOW = "openssl x509 -noout -subject -nameopt RFC2253 -checkend 0 -ext subjectAltName,extendedKeyUsage"
"""Prints what `_satisfies` looks at; fails for a certificate that has ended."""


def _satisfies(spec: CertSpec) -> str:
    """bash, goes on when `$text`, as `_SHOW` prints it, has the subject, names and usages of the request."""
    # RFC 2253 is back to front, and the names of a set are in the order of their encoding.
    organizations = sorted(spec.organizations, key=lambda name: (len(name.encode()), name), reverse=True)
    subject = ",".join(filter(None, (f"CN={spec.common_name}", "+".join(f"O={name}" for name in organizations))))
    wanted = [_USAGE_TEXT[usage] for usage in spec.usages]
    wanted += [f"DNS:{name}" for name in spec.dns_names]
    wanted += [f"IP Address:{printed_address(address)}" for address in spec.ip_addresses]
    return (
        f'case "$text" in *{quote(f"subject={subject}")}[[:space:]]*) ;; '
        "*) echo 'it has another subject'; exit 1 ;; esac\n"
        # One line with a comma after each item.
        + ("text=\"${text//$'\\n'/,},\"\n" if wanted else "")
        + "".join(
            f'case "$text" in *[,\\ ]{quote(word + ",")}*) ;; *) echo {quote(f"it lacks {word}")}; exit 1 ;; esac\n'
            for word in wanted
        )
    )


def _beside(key: str) -> str:
    return f"{key.removesuffix('.key')}.crt"


def _no(reason: str) -> str:
    return f"{{ echo {quote(reason)}; exit 1; }}\n"
