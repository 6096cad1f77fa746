"""Keys, certificates and kubeconfigs as the openssl commands that the guide shows (pure text).

Fields are those of kubeadm (`app/util/pkiutil/pki_helpers.go`): RSA keys in PKCS#1, 63-bit serials,
critical key usages, no subject key identifier on leaves. Each text is a subshell of
its own: it works in a private temporary directory and moves finished files into place. `questions` asks for the result.
"""

import ipaddress
from collections.abc import Iterable
from shlex import quote

from hardway.errors import REFUSED
from hardway.pki.catalog import Begin, CertSpec, KeyPairSpec
from hardway.pki.current_context import users
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate
from hardway.pki.kubeconfigs import text as kubeconfig_text

KEYS = "/run/hardway/keys"
"""Directory (0700, in memory) of keys that wait for their kubeconfig."""

VERIFY = "openssl verify -no-CApath -no-CAstore -partial_chain"
"""Believes what -CAfile names and nothing else; that may be an intermediate CA, as for kubeadm."""

FIRST_CERTIFICATE = "sed '/-BEGIN/,/-END/!d; /-END/q'"
"""Prints the first certificate of a PEM file, which is what kubeadm embeds in kubeconfigs."""

BEGIN = """\
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"""
"""Opens the subshell of a text, with `$work` for what must not be seen half finished."""

CURVES = {"ECDSA-P256": "prime256v1", "ECDSA-P384": "secp384r1"}
"""kubeadm's names of elliptic curves, and openssl's."""

DIGESTS = {"secp384r1": "sha384", "secp521r1": "sha512"}
"""What Go signs with: the hash that is as strong as the signer's curve. For others, and for RSA, it is SHA-256."""


def make_key(algorithm: str, file: str) -> str:
    """One command that makes a private key of kubeadm's `algorithm` in a (quoted) file."""
    if algorithm in CURVES:
        return f"openssl ecparam -genkey -noout -name {CURVES[algorithm]} -out {file}"
    # -traditional: PKCS#1, `BEGIN RSA PRIVATE KEY`, as kubeadm writes it; needs OpenSSL 3.
    return f"openssl genrsa -traditional -out {file} {algorithm.removeprefix('RSA-')}"


def make_keys(files: Iterable[str], algorithm: str) -> str:
    """bash that makes the missing keys side by side, each 0600.

    A key whose certificate exists is not made: it was taken away on purpose (external CA).
    """
    new = make_key(algorithm, '"$key.new"')
    return (
        "(\numask 077\n"
        f"install -d -m 0700 {KEYS}\n"
        "for key in " + " \\\n  ".join(quote(file) for file in files) + "; do\n"
        '  [ -s "$key" ] || [ -s "${key%.key}.crt" ] ||\n'
        f'    {{ {new} && mv "$key.new" "$key"; }} &\n'
        "done\n"
        "wait\n)\n"
    )


def issue(spec: CertSpec) -> str:
    """bash that makes the key and the certificate.

    A key that is there is kept. A CA is never replaced, nor a leaf that another CA has signed: then the text ends
    with REFUSED and says why on standard error.
    """
    certificate, new = quote(spec.certificate), quote(f"{spec.certificate}.new")
    return (
        BEGIN
        + (_refuse_ca(spec) if spec.is_ca else _refuse_leaf(spec))
        + _key(spec.key, spec.algorithm)
        + sign_commands(spec, quote(spec.key))
        + f'install -m 0644 "$work/tls.crt" {new}\n'
        + f"mv {new} {certificate}\n)\n"
    )


def make_key_pair(spec: KeyPairSpec) -> str:
    """bash that makes the key pair; an existing private key is kept and a public key of another one not replaced."""
    private, public, new = quote(spec.private_key), quote(spec.public_key), quote(f"{spec.public_key}.new")
    refusal = f"{spec.public_key} exists and does not belong to {spec.private_key}: remove the wrong one of them"
    return (
        "(\numask 077\n"
        + f"if [ -s {public} ]; then\n  echo {quote(refusal)} >&2\n  exit {REFUSED}\nfi\n"
        + _key(spec.private_key, spec.algorithm)
        # kubeadm leaves both at 0600 on the node that makes them.
        + f"openssl pkey -in {private} -pubout -out {new}\n"
        + f"mv {new} {public}\n)\n"
    )


def write_kubeconfig(spec: KubeconfigSpec) -> str:
    """bash that issues the client certificate and writes the kubeconfig (0600).

    Never over one of another CA, nor over other users' keys, which may be nowhere else.
    """
    path, new, ca = quote(spec.path), quote(f"{spec.path}.new"), quote(spec.ca_certificate)
    refusal = (
        f"{spec.path} belongs to another CA than {spec.ca_certificate}: "
        "move it away if this node is to join this cluster"
    )
    shared = (
        f"{spec.path} has to be written anew, and holds other users too, who would be lost: "
        "move it away, and take them from there"
    )
    made, new_key = quote(f"{KEYS}/{spec.name}.key"), make_key(spec.algorithm, '"$work/tls.key"')
    return (
        BEGIN
        + f'ca="$({FIRST_CERTIFICATE} {ca} | base64 -w0)"\n'
        + f'if [ -s {path} ] && ! grep -qF "$ca" {path}; then\n  echo {quote(refusal)} >&2\n  exit {REFUSED}\nfi\n'
        + f'if [ -s {path} ] && [ "$({users(spec.path)} | wc -w)" -gt 1 ]; then\n  echo {quote(shared)} >&2\n  exit {REFUSED}\nfi\n'
        + need_ca(spec.ca_certificate, spec.ca_key, spec.path)
        + f'if [ -s {made} ]; then mv {made} "$work/tls.key"; else {new_key}; fi\n'
        + sign_commands(client_certificate(spec), '"$work/tls.key"')
        + f"cat >{new} <<EOF\n"
        + kubeconfig_text(
            spec, "$ca", '$(base64 -w0 "$work/tls.crt")', '$(base64 -w0 "$work/tls.key")', escape=_in_heredoc
        )
        + "EOF\n"
        + f"mv {new} {path}\n)\n"
    )


def _key(file: str, algorithm: str) -> str:
    key, new = quote(file), quote(f"{file}.new")
    # Moved into place, so that a key is never seen half written.
    return f"[ -s {key} ] || {{ {make_key(algorithm, new)} && mv {new} {key}; }}\n"


def _refuse_ca(spec: CertSpec) -> str:
    refusal = (
        f"{spec.certificate} exists and is not a valid CA with its key: a CA is never replaced. "
        "Put the right pair there, or remove it to have a new one made"
    )
    return f"if [ -s {quote(spec.certificate)} ]; then\n  echo {quote(refusal)} >&2\n  exit {REFUSED}\nfi\n"


def _refuse_leaf(spec: CertSpec) -> str:
    certificate, ca = quote(spec.certificate), quote(spec.ca_certificate)
    refusal = (
        f"{spec.certificate} was signed by another CA than {spec.ca_certificate}: "
        "move it away if this node is to belong to this CA"
    )
    return need_ca(spec.ca_certificate, spec.ca_key, spec.certificate) + (
        f"if [ -s {certificate} ] &&\n"
        f"  ! {VERIFY} -no_check_time -CAfile {ca} {certificate} >/dev/null 2>&1; then\n"
        f"  echo {quote(refusal)} >&2\n  exit {REFUSED}\nfi\n"
    )


def need_ca(certificate: str, key: str, file: str) -> str:
    """bash that ends with an error where the CA or its key is missing."""
    refusal = f"{file} cannot be made without {certificate} and {key}: bring the CA, or with an external CA the file"
    return f"if [ ! -s {quote(certificate)} ] || [ ! -s {quote(key)} ]; then\n  echo {quote(refusal)} >&2\n  exit 1\nfi\n"


def sign_commands(spec: CertSpec, key: str) -> str:
    """Commands that leave the certificate of the (quoted) key in `$work/tls.crt`."""
    ca, ca_key = quote(spec.ca_certificate), quote(spec.ca_key)
    # The first time in a certificate. `openssl x509 -startdate` would take five times as long.
    ca_start = 'start="$(sed -n \'0,/TIME/s/.*TIME *://p\' <<<"$issuer")"\n'
    # kubeadm backdates by five minutes, against clocks that differ.
    start = "start=\"$(date -u -d '-5 minutes' +%Y%m%d%H%M%SZ)\"\n"
    if not spec.is_ca and spec.begins is Begin.WITH_CA:
        start = ca_start
    elif not spec.is_ca and spec.begins is Begin.WITH_NEW_CA:
        start = f"{ca_start}[[ $start > $(date -u -d '-6 minutes' +%y%m%d%H%M%SZ) ]] ||\n  {start}"
    signer = f"-selfsign -keyfile {key}" if spec.is_ca else f"-cert {ca} -keyfile {ca_key}"
    # A CA of one's own may be of any kind, whatever algorithm is chosen for new keys.
    digest = DIGESTS.get(CURVES.get(spec.algorithm, ""), "sha256") if spec.is_ca else '"$digest"'
    return (
        (_key_identifier(key) if spec.is_ca and spec.sha256_key_identifier else "")
        + "cat >\"$work/openssl.cnf\" <<'EOF'\n"
        + configuration(spec)
        + "EOF\n"
        + f'openssl req -new -config "$work/openssl.cnf" -key {key} -out "$work/tls.csr"\n'
        + ': >"$work/index.txt"\n'
        + 'printf \'%016x\\n\' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"\n'
        + ("" if spec.is_ca else f'issuer="$(openssl asn1parse -in {ca})"\n{_digest_of_issuer()}')
        + start
        + f"end=\"$(date -u -d '+{_life(spec.days)}' +%Y%m%d%H%M%SZ)\"\n"
        # `openssl ca`, because `openssl x509 -req` of OpenSSL 3.0 cannot set the beginning.
        + f'(cd "$work" && openssl ca -batch -notext -preserveDN -md {digest} -config openssl.cnf \\\n'
        + f"  {signer} -in tls.csr -out tls.crt -extensions extensions \\\n"
        + '  -startdate "$start" -enddate "$end" 2>ca.log) ||\n'
        + '  { cat "$work/ca.log" >&2; exit 1; }\n'
    )


def _digest_of_issuer() -> str:
    """bash that sets `$digest` to what Go would sign with."""
    cases = "".join(f"*:{curve}*) digest={digest} ;;\n" for curve, digest in DIGESTS.items())
    return (
        "# As Go, which signs with the hash that is as strong as the curve of the CA.\n"
        f'case "$issuer" in\n{cases}*) digest=sha256 ;;\nesac\n'
    )


def _key_identifier(key: str) -> str:
    """bash that exports RFC 7093's identifier of the (quoted) key: from the SHA-256 of the bits of its public half."""
    return (
        f'openssl pkey -in {key} -pubout -outform DER -out "$work/public"\n'
        'bits="$(openssl asn1parse -inform DER -in "$work/public" |\n'
        "  sed -n 's/^ *\\([0-9]*\\):d=1 *hl=\\([0-9]*\\) .*BIT STRING.*/\\1 + \\2 + 2/p')\"\n"
        'identifier="$(tail -c "+$((bits))" "$work/public" | sha256sum)"\n'
        'export identifier="${identifier:0:40}"\n'
    )


def _life(days: float) -> str:
    """For date(1): whole days where there are such."""
    return f"{days:.0f} days" if days % 1 == 0 else f"{days * 86400:.0f} seconds"


def configuration(spec: CertSpec) -> str:
    """openssl.cnf for the request and for the CA that answers it."""
    # kubeadm's order of subject and extensions is Go's. Several organisations share one set, as in Go.
    names = [f"{'O' if number == 0 else f'{number}.+O'} = {name}" for number, name in enumerate(spec.organizations)]
    extensions = ["keyUsage = critical, digitalSignature, keyEncipherment" + (", keyCertSign" if spec.is_ca else "")]
    if spec.usages:
        extensions.append(f"extendedKeyUsage = {', '.join(spec.usages)}")
    extensions.append(f"basicConstraints = critical, CA:{'TRUE' if spec.is_ca else 'FALSE'}")
    identifier = "$ENV::identifier" if spec.sha256_key_identifier else "hash"
    extensions.append(f"subjectKeyIdentifier = {identifier if spec.is_ca else 'none'}")
    extensions.append(f"authorityKeyIdentifier = {'none' if spec.is_ca else 'keyid'}")
    alternates = [f"DNS:{name}" for name in spec.dns_names] + [f"IP:{address}" for address in spec.ip_addresses]
    if alternates:
        extensions.append(f"subjectAltName = {', '.join(alternates)}")
    # X.520 ends a common name at 64 characters; kubeadm does not, and `system:node:` with a long name passes it.
    long = "openssl_conf = init\n[init]\nstbl_section = strings\n[strings]\ncommonName = min:1, max:512\n"
    return (
        (long if len(spec.common_name) > 64 else "") + "[req]\nprompt = no\ndistinguished_name = subject\n"
        # Printable strings where the text allows it, else UTF-8: as Go encodes names.
        "string_mask = MASK:0x2002\n"
        "[subject]\n" + "".join(f"{line}\n" for line in names) + f"CN = {spec.common_name}\n"
        "[ca]\ndefault_ca = here\n"
        "[here]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\npolicy = any\nstring_mask = MASK:0x2002\n"
        "[any]\ncommonName = supplied\norganizationName = optional\n"
        "[extensions]\n" + "".join(f"{line}\n" for line in extensions)
    )


def printed_address(address: str) -> str:
    """An IP address as openssl prints it."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return str(parsed)
    return ":".join(f"{int(group, 16):X}" for group in parsed.exploded.split(":"))


def _in_heredoc(text: str) -> str:
    """Text as it has to stand in a heredoc in which the shell replaces variables."""
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")
