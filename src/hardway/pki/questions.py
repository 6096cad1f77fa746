"""Is what was requested there? Keys, certificates and kubeconfigs as questions to a node (pure text).

A thing that was decided once is left alone as long as it satisfies the request: a certificate with more names, or one
that kubeadm or somebody's own CA made, is as good. These are asked on every run, so processes are few and quick ones:
`openssl x509` of OpenSSL 3.0 takes 20 ms of a processor to read a file, `storeutl`, `pkey` and `verify` take 4.
"""

from collections.abc import Iterable
from shlex import quote

from hardway.pki.catalog import CertSpec, KeyPairSpec, Usage
from hardway.pki.current_context import read, read_certificate
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate
from hardway.pki.openssl import FIRST_CERTIFICATE, VERIFY, printed_address

_USAGE_TEXT = {
    Usage.SERVER: "TLS Web Server Authentication",
    Usage.CLIENT: "TLS Web Client Authentication",
}
"""As openssl prints the extended key usages."""

_PRINT = "openssl storeutl -noout -text -certs"


def keys_made(files: Iterable[str]) -> str:
    """bash, exit 0 when each key is there, or its certificate (then nobody makes a key for it)."""
    return "".join(
        f"[ -s {quote(file)} ] || [ -s {quote(_beside(file))} ] || {_no(f'{file} is missing')}" for file in files
    )


def kubeconfig_keys_made(keys: str, specs: Iterable[KubeconfigSpec]) -> str:
    """bash, exit 0 when for each kubeconfig it is there itself, or at least a key in the directory `keys`."""
    return "".join(
        f"[ -s {quote(spec.path)} ] || [ -s {quote(f'{keys}/{spec.name}.key')} ] || "
        f"{f'{_spared(spec)} || ' if spec.spared_by else ''}{_no(f'no key for {spec.path}')}"
        for spec in specs
    )


def may_do_everything(kubeconfig: str) -> str:
    """Command that prints `yes` or `no`, as the API says it of who is in the kubeconfig; nothing where it does not answer."""
    ask = "auth can-i '*' '*' --all-namespaces"
    return f"kubectl --kubeconfig={quote(kubeconfig)} --request-timeout=10s {ask} 2>/dev/null"


def _spared(spec: KubeconfigSpec) -> str:
    """Condition under which a kubeconfig may be missing.

    Only an API that says no makes it needed: one that is down for a while must not make apply issue a certificate
    that passes RBAC by. Before there is an API server on this master nobody is asked.
    """
    asked = f'case "$({may_do_everything(spec.spared_by)})" in no*) false ;; esac'
    return f"{{ [ -s {quote(spec.spared_after)} ] &&\n  {asked}; }}"


def _or_spared(spec: KubeconfigSpec) -> str:
    """bash that ends the questions where the kubeconfig is missing and may be."""
    return f"[ -s {quote(spec.path)} ] || ! {_spared(spec)} || exit 0\n" if spec.spared_by else ""


def issued(spec: CertSpec) -> str:
    """bash, exit 0 when key and certificate satisfy the request.

    A CA may have any subject, and may lack its key (external CA), as for kubeadm.
    """
    certificate, key = quote(spec.certificate), quote(spec.key)
    belongs = (
        f'public="$(openssl pkey -noout -text_pub -in {key} 2>&1)"\n'
        'case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;\n'
        "  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac\n"
    )
    text = f'text="$({_PRINT} {certificate} 2>&1)"\n'
    if spec.is_ca:
        return (
            f"[ -s {certificate} ] || {_no('no certificate yet')}"
            + text
            + "case \"$text\" in *CA:TRUE*) ;; *) echo 'it is not a CA'; exit 1 ;; esac\n"
            + _verified(certificate, certificate, "it cannot be read")
            # Last, because an external CA ends the questions here.
            + f"[ -s {key} ] || exit 0\n"
            + belongs
        )
    return (
        f"[ -s {certificate} ] || {_no('no certificate yet')}"
        f"[ -s {key} ] || {_no('no key')}"
        + text
        + _verified(quote(spec.ca_certificate), certificate, f"it was not signed by {spec.ca_certificate}")
        + belongs
        + _satisfies(spec)
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
    """bash, exit 0 when the kubeconfig satisfies the request, or has been pointed at the rotated certificate.

    By what its current context leads to: people may have added other clusters and users.
    """
    path, ca = quote(spec.path), quote(spec.ca_certificate)
    rotated = (
        f"case \"$conf\" in *'client-certificate: '{quote(spec.rotated)}[[:space:]]*) exit 0 ;; esac\n"
        if spec.rotated
        else ""
    )
    return (
        _or_spared(spec)
        + f"[ -s {path} ] || {_no('not written yet')}"
        + read(spec.path)
        + f'[ -n "$conf" ] || {_no("its current context leads nowhere")}'
        f"case \"$conf\" in *'server: '{quote(spec.server)}[[:space:]]*) ;; "
        "*) echo 'it points to another server'; exit 1 ;; esac\n"
        f'case "$conf" in *"$({FIRST_CERTIFICATE} {ca} 2>&1 | base64 -w0)"*) ;; '
        "*) echo 'it has another CA'; exit 1 ;; esac\n"
        + rotated
        + 'data="${conf#*client-certificate-data: }"\n'
        + f'[ "$data" != "$conf" ] || {_no("it has no embedded certificate")}'
        + "pem=\"$(printf '%s' \"${data%%$'\\n'*}\" | base64 -d 2>/dev/null)\"\n"
        + f'text="$(printf \'%s\\n\' "$pem" | {_PRINT} /dev/stdin 2>&1)"\n'
        + _verified(ca, "", f"its certificate was not signed by {spec.ca_certificate}", "printf '%s\\n' \"$pem\" | ")
        + _satisfies(client_certificate(spec))
    )


def lasts(spec: CertSpec | KubeconfigSpec, seconds: int) -> str:
    """bash, exit 0 when neither the certificate nor its CA ends within that many seconds."""
    if isinstance(spec, CertSpec):
        ca, certificate, source = spec.ca_certificate or spec.certificate, quote(spec.certificate), ""
        first = ""
    else:
        ca, certificate, source = spec.ca_certificate, "", "printf '%s\\n' \"$pem\" | "
        first = _or_spared(spec) + read_certificate(spec.path)
        if spec.rotated:
            first += f'[ -n "$pem" ] || pem="$(cat {quote(spec.rotated)} 2>/dev/null || true)"\n'
    then = f'-attime "$((EPOCHSECONDS + {seconds}))"'
    return (
        first + f'answer="$({source}{VERIFY} {then} -CAfile {quote(ca)} {certificate} 2>&1)" && exit 0\n'
        "case \"$answer\" in *expired*) ;; *) echo 'it cannot be read'; exit 1 ;; esac\n"
        # The slow one, for the date, and only when somebody has to read it.
        f'end="$({source}openssl x509 -noout -enddate {certificate and f"-in {certificate}"} 2>&1)"\n'
        "echo \"${end%%$'\\n'*}\"\nexit 1\n"
    )


def _verified(ca: str, certificate: str, otherwise: str, source: str = "") -> str:
    """bash, goes on when the certificate (a quoted path, or what `source` prints) is in date and signed by the CA."""
    return (
        f'answer="$({source}{VERIFY} -CAfile {ca} {certificate} 2>&1)" || {{\n'
        f"  case \"$answer\" in *'has expired'*) echo expired ;; *) echo {quote(otherwise)} ;; esac\n"
        "  exit 1\n}\n"
    )


def _satisfies(spec: CertSpec) -> str:
    """bash, goes on when `$text`, as openssl prints a certificate, has subject, names and usages of the request."""
    subjects = [f" Subject: {_subject(names, spec.common_name)}," for names in (spec.organizations, *spec.also)]
    wanted = [_USAGE_TEXT[usage] for usage in spec.usages]
    wanted += [f"DNS:{name}" for name in spec.dns_names]
    wanted += [f"IP Address:{printed_address(address)}" for address in spec.ip_addresses]
    return (
        # One line with a comma after each item; a bundle's first certificate only.
        "text=\"${text%%$'\\n1: '*}\"\n"
        + "text=\"${text//$'\\n'/,},\"\n"
        + f'case "$text" in {" | ".join(f"*{quote(subject)}*" for subject in subjects)}) ;; '
        + "*) echo 'it has another subject'; exit 1 ;; esac\n"
        + "".join(
            f'case "$text" in *[,\\ ]{quote(word + ",")}*) ;; *) echo {quote(f"it lacks {word}")}; exit 1 ;; esac\n'
            for word in wanted
        )
    )


def _subject(organizations: tuple[str, ...], common_name: str) -> str:
    """As openssl prints it; the names of a set are in the order of their encoding."""
    names = sorted(organizations, key=lambda name: (len(name.encode()), name))
    return ", ".join(filter(None, ("+".join(f"O={name}" for name in names), f"CN={common_name}")))


def _beside(key: str) -> str:
    return f"{key.removesuffix('.key')}.crt"


def _no(reason: str) -> str:
    return f"{{ echo {quote(reason)}; exit 1; }}\n"
