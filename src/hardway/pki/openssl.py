"""Certificates, key pairs and kubeconfigs as the openssl commands that the guide shows (pure text).

Fields are those of kubeadm v1.30.4 (`app/util/pkiutil/pki_helpers.go`): RSA 2048 in PKCS#1, 63-bit serials, leaves
that begin when their CA begins, critical key usages, no subject key identifier on leaves.
"""

import ipaddress
from collections.abc import Iterable

from hardway.pki.catalog import CertSpec, KeyPairSpec, Usage
from hardway.pki.kubeconfigs import KubeconfigSpec

_USAGE_TEXT = {
    Usage.SERVER: "TLS Web Server Authentication",
    Usage.CLIENT: "TLS Web Client Authentication",
}
"""As openssl prints the extended key usages."""

_BEGIN = """\
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"""


def issue(spec: CertSpec) -> str:
    """bash that makes key and certificate; it never replaces a CA, nor a leaf that another CA has signed."""
    if spec.is_ca:
        guard = (
            f"[ ! -e {spec.certificate} ] ||\n"
            f'  {{ echo "{spec.certificate} exists already: a CA is never replaced" >&2; exit 1; }}\n'
        )
    else:
        guard = (
            f"if [ -e {spec.certificate} ] &&\n"
            f"  ! openssl verify -no_check_time -CAfile {spec.ca_certificate} {spec.certificate} &>/dev/null; then\n"
            f'  echo "{spec.certificate} was signed by another CA than {spec.ca_certificate}" >&2\n'
            "  exit 1\nfi\n"
        )
    return (
        _BEGIN
        + guard
        + _sign(spec)
        + f'install -m 0600 "$work/tls.key" {spec.key}.new\n'
        + f'install -m 0644 "$work/tls.crt" {spec.certificate}.new\n'
        + f"mv {spec.key}.new {spec.key}\n"
        + f"mv {spec.certificate}.new {spec.certificate}\n"
        + ")\n"
    )


def issued(spec: CertSpec) -> str:
    """bash, exit 0 when key and certificate satisfy the request.

    A certificate is decided once: one with more names than asked for is as good.
    """
    return (
        f"[ -s {spec.certificate} ] || {{ echo 'no certificate yet'; exit 1; }}\n"
        f"[ -s {spec.key} ] || {{ echo 'no key'; exit 1; }}\n"
        + _satisfies(spec, spec.certificate)
        + f'[ "$(openssl x509 -noout -pubkey -in {spec.certificate})" = \\\n'
        + f'  "$(openssl pkey -pubout -in {spec.key} 2>&1)" ] ||\n'
        "  { echo 'the key does not belong to the certificate'; exit 1; }\n"
    )


def make_key_pair(spec: KeyPairSpec) -> str:
    """bash that makes the key pair; an existing private key is never replaced."""
    return (
        _BEGIN + f'[ ! -e {spec.private_key} ] || {{ echo "{spec.private_key} exists already" >&2; exit 1; }}\n'
        'openssl genrsa -traditional -out "$work/key" 2048 2>/dev/null\n'
        'openssl rsa -in "$work/key" -pubout -out "$work/pub" 2>/dev/null\n'
        # kubeadm leaves both at 0600 on the node that makes them.
        f'install -m 0600 "$work/pub" {spec.public_key}\n'
        f'install -m 0600 "$work/key" {spec.private_key}.new\n'
        f"mv {spec.private_key}.new {spec.private_key}\n)\n"
    )


def key_pair_made(spec: KeyPairSpec) -> str:
    """bash, exit 0 when the key pair exists and fits together."""
    return (
        f"[ -s {spec.private_key} ] || {{ echo 'no key yet'; exit 1; }}\n"
        f'[ "$(openssl pkey -pubout -in {spec.private_key} 2>&1)" = "$(cat {spec.public_key} 2>&1)" ] ||\n'
        f"  {{ echo '{spec.public_key} does not belong to {spec.private_key}'; exit 1; }}\n"
    )


def client_certificate(spec: KubeconfigSpec) -> CertSpec:
    """The certificate that is embedded in a kubeconfig."""
    return CertSpec(
        spec.name,
        spec.purpose,
        "",
        "",
        spec.user,
        spec.organizations,
        (Usage.CLIENT,),
        ca_certificate=spec.ca_certificate,
        ca_key=spec.ca_key,
        days=spec.days,
    )


def write_kubeconfig(spec: KubeconfigSpec) -> str:
    """bash that issues the client certificate and writes the kubeconfig."""
    return (
        _BEGIN + f'if [ -e {spec.path} ] && ! grep -qF "$(base64 -w0 {spec.ca_certificate})" {spec.path}; then\n'
        f'  echo "{spec.path} belongs to another CA than {spec.ca_certificate}" >&2\n  exit 1\nfi\n'
        + _sign(client_certificate(spec))
        + f"cat >{spec.path}.new <<EOF\n"
        "apiVersion: v1\n"
        "clusters:\n"
        "- cluster:\n"
        f"    certificate-authority-data: $(base64 -w0 {spec.ca_certificate})\n"
        f"    server: {spec.server}\n"
        f"  name: {spec.cluster_name}\n"
        "contexts:\n"
        "- context:\n"
        f"    cluster: {spec.cluster_name}\n"
        f"    user: {spec.user}\n"
        f"  name: {spec.context}\n"
        f"current-context: {spec.context}\n"
        "kind: Config\n"
        "preferences: {}\n"
        "users:\n"
        f"- name: {spec.user}\n"
        "  user:\n"
        '    client-certificate-data: $(base64 -w0 "$work/tls.crt")\n'
        '    client-key-data: $(base64 -w0 "$work/tls.key")\n'
        "EOF\n"
        f"mv {spec.path}.new {spec.path}\n)\n"
    )


def kubeconfig_written(spec: KubeconfigSpec) -> str:
    """bash, exit 0 when the kubeconfig satisfies the request, or has been pointed at the rotated certificate."""
    lines = [f"[ -s {spec.path} ] || {{ echo 'not written yet'; exit 1; }}\n"]
    if spec.rotated:
        lines.append(f"! grep -q 'client-certificate: {spec.rotated}' {spec.path} || exit 0\n")
    lines.append(
        f"grep -qxF '    server: {spec.server}' {spec.path} || {{ echo 'it points to another server'; exit 1; }}\n"
        f"grep -qF \"$(base64 -w0 {spec.ca_certificate})\" {spec.path} || {{ echo 'it has another CA'; exit 1; }}\n"
        f"embedded=\"$(sed -n 's/^ *client-certificate-data: //p' {spec.path} | base64 -d 2>/dev/null)\"\n"
        "[ -n \"$embedded\" ] || { echo 'it has no embedded certificate'; exit 1; }\n"
    )
    lines.append(_satisfies(client_certificate(spec), "<(printf '%s\\n' \"$embedded\")"))
    return "".join(lines)


def _sign(spec: CertSpec) -> str:
    """Commands that leave `tls.key` and `tls.crt` in `$work`."""
    start = (
        # kubeadm backdates a CA by five minutes, against clocks that differ.
        "start=\"$(date -u -d '-5 minutes' +%Y%m%d%H%M%SZ)\"\n"
        if spec.is_ca
        else f'start="$(date -u -d "$(openssl x509 -noout -startdate -in {spec.ca_certificate} | cut -d= -f2)"'
        ' +%Y%m%d%H%M%SZ)"\n'
    )
    signer = (
        '-selfsign -keyfile "$work/tls.key"' if spec.is_ca else f"-cert {spec.ca_certificate} -keyfile {spec.ca_key}"
    )
    return (
        "cat >\"$work/openssl.cnf\" <<'EOF'\n"
        + _config(spec)
        + "EOF\n"
        # A CA key without certificate is what an interrupted run left, or a key that somebody brought: it is kept.
        + (f'if [ -s {spec.key} ]; then cp {spec.key} "$work/tls.key"; else\n  ' if spec.is_ca else "")
        + 'openssl genrsa -traditional -out "$work/tls.key" 2048 2>/dev/null\n'
        + ("fi\n" if spec.is_ca else "")
        + 'openssl req -new -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"\n'
        + ': >"$work/index.txt"\n'
        + 'printf \'%016x\\n\' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"\n'
        + start
        + '(cd "$work" && openssl ca -batch -notext -preserveDN -md sha256 -config openssl.cnf \\\n'
        + f"  {signer} -in tls.csr -out tls.crt -extensions extensions \\\n"
        + f'  -startdate "$start" -enddate "$(date -u -d \'+{spec.days} days\' +%Y%m%d%H%M%SZ)" 2>ca.log) ||\n'
        + '  { cat "$work/ca.log" >&2; exit 1; }\n'
    )


def _config(spec: CertSpec) -> str:
    names = [f"{'O' if number == 0 else f'{number}.O'} = {name}\n" for number, name in enumerate(spec.organizations)]
    extensions = ["keyUsage = critical, digitalSignature, keyEncipherment" + (", keyCertSign" if spec.is_ca else "")]
    if spec.usages:
        extensions.append(f"extendedKeyUsage = {', '.join(spec.usages)}")
    extensions.append(f"basicConstraints = critical, CA:{'TRUE' if spec.is_ca else 'FALSE'}")
    extensions.append(f"subjectKeyIdentifier = {'hash' if spec.is_ca else 'none'}")
    extensions.append(f"authorityKeyIdentifier = {'none' if spec.is_ca else 'keyid'}")
    alternates = [f"DNS:{name}" for name in spec.dns_names] + [f"IP:{address}" for address in spec.ip_addresses]
    if alternates:
        extensions.append(f"subjectAltName = {', '.join(alternates)}")
    return (
        "[req]\nprompt = no\ndistinguished_name = subject\n"
        # Printable strings where the text allows it, else UTF-8: as Go encodes names.
        "string_mask = MASK:0x2002\n"
        "[subject]\n" + "".join(names) + f"CN = {spec.common_name}\n"
        "[ca]\ndefault_ca = here\n"
        "[here]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\npolicy = any\nstring_mask = MASK:0x2002\n"
        "[any]\ncommonName = supplied\norganizationName = optional\n"
        "[extensions]\n" + "".join(f"{line}\n" for line in extensions)
    )


def _satisfies(spec: CertSpec, certificate: str) -> str:
    """bash, goes on when the certificate is in date, from the right CA, and has subject, names and usages."""
    subject = ",".join([f"CN={spec.common_name}", *(f"O={name}" for name in reversed(spec.organizations))])
    lines = [
        f'text="$(openssl x509 -noout -subject -nameopt RFC2253 -checkend 0 -ext subjectAltName,extendedKeyUsage \\\n'
        f"  -in {certificate} 2>&1)\" || {{ echo 'expired or not readable'; exit 1; }}\n",
        f"case \"$text\" in *'subject={subject}'[[:space:]]*) ;; *) echo 'it has another subject'; exit 1 ;; esac\n",
    ]
    wanted = [_USAGE_TEXT[usage] for usage in spec.usages]
    wanted += [f"DNS:{name}" for name in spec.dns_names] + [
        f"IP Address:{printed_address(a)}" for a in spec.ip_addresses
    ]
    if wanted:
        quoted = " ".join(f"'{word}'" for word in wanted)
        lines.append(
            "text=\"${text//$'\\n'/,}\"\n"
            f"for word in {quoted}; do\n"
            '  case "$text," in *[,\\ ]"$word",*) ;; *) echo "it lacks $word"; exit 1 ;; esac\n'
            "done\n"
        )
    if not spec.is_ca:
        lines.append(
            f"openssl verify -CAfile {spec.ca_certificate} {certificate} >/dev/null 2>&1 ||\n"
            f"  {{ echo 'it was not signed by {spec.ca_certificate}'; exit 1; }}\n"
        )
    return "".join(lines)


def printed_address(address: str) -> str:
    """An IP address as openssl prints it."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return str(parsed)
    return ":".join(f"{int(group, 16):X}" for group in parsed.exploded.split(":"))


def paths(specs: Iterable[CertSpec]) -> tuple[str, ...]:
    """Certificate files of the requests."""
    return tuple(spec.certificate for spec in specs)
