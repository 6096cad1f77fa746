#!/usr/bin/env bash
# Kubeconfigs
# Node: master-1.my-first-cluster.example.com
# Article: chapter 16, 17
# kubeadm: kubeadm init phase kubeconfig all
set -euo pipefail

# kubeconfig/keys
# make the private keys of the client certificates side by side: they wait in memory until their kubeconfig takes them in
if ! (
[ -s /etc/kubernetes/admin.conf ] || [ -s /run/hardway/keys/admin.key ] || { echo 'no key for /etc/kubernetes/admin.conf'; exit 1; }
[ -s /etc/kubernetes/super-admin.conf ] || [ -s /run/hardway/keys/super-admin.key ] || { [ -s /etc/kubernetes/manifests/kube-apiserver.yaml ] &&
  case "$(kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=10s auth can-i '*' '*' --all-namespaces 2>/dev/null)" in no*) false ;; esac; } || { echo 'no key for /etc/kubernetes/super-admin.conf'; exit 1; }
[ -s /etc/kubernetes/kubelet.conf ] || [ -s /run/hardway/keys/kubelet.key ] || { echo 'no key for /etc/kubernetes/kubelet.conf'; exit 1; }
[ -s /etc/kubernetes/controller-manager.conf ] || [ -s /run/hardway/keys/controller-manager.key ] || { echo 'no key for /etc/kubernetes/controller-manager.conf'; exit 1; }
[ -s /etc/kubernetes/scheduler.conf ] || [ -s /run/hardway/keys/scheduler.key ] || { echo 'no key for /etc/kubernetes/scheduler.conf'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
install -d -m 0700 /run/hardway/keys
for key in /run/hardway/keys/admin.key \
  /run/hardway/keys/super-admin.key \
  /run/hardway/keys/kubelet.key \
  /run/hardway/keys/controller-manager.key \
  /run/hardway/keys/scheduler.key; do
  [ -s "$key" ] || [ -s "${key%.key}.crt" ] ||
    { openssl genrsa -traditional -out "$key.new" 2048 && mv "$key.new" "$key"; } &
done
wait
)
fi

# kubeconfig/admin
# write /etc/kubernetes/admin.conf: for people: can be revoked by RBAC
if ! (
[ -s /etc/kubernetes/admin.conf ] || { echo 'not written yet'; exit 1; }
conf="$(cat /etc/kubernetes/admin.conf 2>/dev/null || true)"
case "$conf" in '{'* | *clusters:*server:*server:* | *users:*name:*name:*)
  conf="$(kubectl config view --kubeconfig=/etc/kubernetes/admin.conf --minify --raw 2>/dev/null || true)" ;;
esac
[ -n "$conf" ] || { echo 'its current context leads nowhere'; exit 1; }
case "$conf" in *'server: 'https://api.my-first-cluster.example.com:6443[[:space:]]*) ;; *) echo 'it points to another server'; exit 1 ;; esac
case "$conf" in *"$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt 2>&1 | base64 -w0)"*) ;; *) echo 'it has another CA'; exit 1 ;; esac
data="${conf#*client-certificate-data: }"
[ "$data" != "$conf" ] || { echo 'it has no embedded certificate'; exit 1; }
pem="$(printf '%s' "${data%%$'\n'*}" | base64 -d 2>/dev/null)"
text="$(printf '%s\n' "$pem" | openssl storeutl -noout -text -certs /dev/stdin 2>&1)"
answer="$(printf '%s\n' "$pem" | openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt  2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'its certificate was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: O=kubeadm:cluster-admins, CN=kubernetes-admin,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
ca="$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt | base64 -w0)"
if [ -s /etc/kubernetes/admin.conf ] && ! grep -qF "$ca" /etc/kubernetes/admin.conf; then
  echo '/etc/kubernetes/admin.conf belongs to another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to join this cluster' >&2
  exit 106
fi
if [ -s /etc/kubernetes/admin.conf ] && [ "$(kubectl config view --kubeconfig=/etc/kubernetes/admin.conf -o 'jsonpath={.users[*].name}' 2>/dev/null | wc -w)" -gt 1 ]; then
  echo '/etc/kubernetes/admin.conf has to be written anew, and holds other users too, who would be lost: move it away, and take them from there' >&2
  exit 106
fi
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/admin.conf cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /run/hardway/keys/admin.key ]; then mv /run/hardway/keys/admin.key "$work/tls.key"; else openssl genrsa -traditional -out "$work/tls.key" 2048; fi
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
O = kubeadm:cluster-admins
CN = kubernetes-admin
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
string_mask = MASK:0x2002
[any]
commonName = supplied
organizationName = optional
[extensions]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
EOF
openssl req -new -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/ca.crt -keyfile /etc/kubernetes/pki/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
cat >/etc/kubernetes/admin.conf.new <<EOF
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $ca
    server: https://api.my-first-cluster.example.com:6443
  name: my-first-cluster
contexts:
- context:
    cluster: my-first-cluster
    user: kubernetes-admin
  name: kubernetes-admin@my-first-cluster
current-context: kubernetes-admin@my-first-cluster
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: $(base64 -w0 "$work/tls.crt")
    client-key-data: $(base64 -w0 "$work/tls.key")
EOF
mv /etc/kubernetes/admin.conf.new /etc/kubernetes/admin.conf
)
fi

# kubeconfig/super-admin
# write /etc/kubernetes/super-admin.conf: for emergencies: passes RBAC by, keep it away from daily use
if ! (
[ -s /etc/kubernetes/super-admin.conf ] || ! { [ -s /etc/kubernetes/manifests/kube-apiserver.yaml ] &&
  case "$(kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=10s auth can-i '*' '*' --all-namespaces 2>/dev/null)" in no*) false ;; esac; } || exit 0
[ -s /etc/kubernetes/super-admin.conf ] || { echo 'not written yet'; exit 1; }
conf="$(cat /etc/kubernetes/super-admin.conf 2>/dev/null || true)"
case "$conf" in '{'* | *clusters:*server:*server:* | *users:*name:*name:*)
  conf="$(kubectl config view --kubeconfig=/etc/kubernetes/super-admin.conf --minify --raw 2>/dev/null || true)" ;;
esac
[ -n "$conf" ] || { echo 'its current context leads nowhere'; exit 1; }
case "$conf" in *'server: 'https://api.my-first-cluster.example.com:6443[[:space:]]*) ;; *) echo 'it points to another server'; exit 1 ;; esac
case "$conf" in *"$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt 2>&1 | base64 -w0)"*) ;; *) echo 'it has another CA'; exit 1 ;; esac
data="${conf#*client-certificate-data: }"
[ "$data" != "$conf" ] || { echo 'it has no embedded certificate'; exit 1; }
pem="$(printf '%s' "${data%%$'\n'*}" | base64 -d 2>/dev/null)"
text="$(printf '%s\n' "$pem" | openssl storeutl -noout -text -certs /dev/stdin 2>&1)"
answer="$(printf '%s\n' "$pem" | openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt  2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'its certificate was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: O=system:masters, CN=kubernetes-super-admin,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
ca="$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt | base64 -w0)"
if [ -s /etc/kubernetes/super-admin.conf ] && ! grep -qF "$ca" /etc/kubernetes/super-admin.conf; then
  echo '/etc/kubernetes/super-admin.conf belongs to another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to join this cluster' >&2
  exit 106
fi
if [ -s /etc/kubernetes/super-admin.conf ] && [ "$(kubectl config view --kubeconfig=/etc/kubernetes/super-admin.conf -o 'jsonpath={.users[*].name}' 2>/dev/null | wc -w)" -gt 1 ]; then
  echo '/etc/kubernetes/super-admin.conf has to be written anew, and holds other users too, who would be lost: move it away, and take them from there' >&2
  exit 106
fi
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/super-admin.conf cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /run/hardway/keys/super-admin.key ]; then mv /run/hardway/keys/super-admin.key "$work/tls.key"; else openssl genrsa -traditional -out "$work/tls.key" 2048; fi
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
O = system:masters
CN = kubernetes-super-admin
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
string_mask = MASK:0x2002
[any]
commonName = supplied
organizationName = optional
[extensions]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
EOF
openssl req -new -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/ca.crt -keyfile /etc/kubernetes/pki/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
cat >/etc/kubernetes/super-admin.conf.new <<EOF
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $ca
    server: https://api.my-first-cluster.example.com:6443
  name: my-first-cluster
contexts:
- context:
    cluster: my-first-cluster
    user: kubernetes-super-admin
  name: kubernetes-super-admin@my-first-cluster
current-context: kubernetes-super-admin@my-first-cluster
kind: Config
preferences: {}
users:
- name: kubernetes-super-admin
  user:
    client-certificate-data: $(base64 -w0 "$work/tls.crt")
    client-key-data: $(base64 -w0 "$work/tls.key")
EOF
mv /etc/kubernetes/super-admin.conf.new /etc/kubernetes/super-admin.conf
)
fi

# kubeconfig/kubelet
# write /etc/kubernetes/kubelet.conf: for the first master's kubelet; the others get theirs by TLS bootstrap
if ! (
[ -s /etc/kubernetes/kubelet.conf ] || { echo 'not written yet'; exit 1; }
conf="$(cat /etc/kubernetes/kubelet.conf 2>/dev/null || true)"
case "$conf" in '{'* | *clusters:*server:*server:* | *users:*name:*name:*)
  conf="$(kubectl config view --kubeconfig=/etc/kubernetes/kubelet.conf --minify --raw 2>/dev/null || true)" ;;
esac
[ -n "$conf" ] || { echo 'its current context leads nowhere'; exit 1; }
case "$conf" in *'server: 'https://api.my-first-cluster.example.com:6443[[:space:]]*) ;; *) echo 'it points to another server'; exit 1 ;; esac
case "$conf" in *"$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt 2>&1 | base64 -w0)"*) ;; *) echo 'it has another CA'; exit 1 ;; esac
case "$conf" in *'client-certificate: '/var/lib/kubelet/pki/kubelet-client-current.pem[[:space:]]*) exit 0 ;; esac
data="${conf#*client-certificate-data: }"
[ "$data" != "$conf" ] || { echo 'it has no embedded certificate'; exit 1; }
pem="$(printf '%s' "${data%%$'\n'*}" | base64 -d 2>/dev/null)"
text="$(printf '%s\n' "$pem" | openssl storeutl -noout -text -certs /dev/stdin 2>&1)"
answer="$(printf '%s\n' "$pem" | openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt  2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'its certificate was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: O=system:nodes, CN=system:node:master-1.my-first-cluster.example.com,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
ca="$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt | base64 -w0)"
if [ -s /etc/kubernetes/kubelet.conf ] && ! grep -qF "$ca" /etc/kubernetes/kubelet.conf; then
  echo '/etc/kubernetes/kubelet.conf belongs to another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to join this cluster' >&2
  exit 106
fi
if [ -s /etc/kubernetes/kubelet.conf ] && [ "$(kubectl config view --kubeconfig=/etc/kubernetes/kubelet.conf -o 'jsonpath={.users[*].name}' 2>/dev/null | wc -w)" -gt 1 ]; then
  echo '/etc/kubernetes/kubelet.conf has to be written anew, and holds other users too, who would be lost: move it away, and take them from there' >&2
  exit 106
fi
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/kubelet.conf cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /run/hardway/keys/kubelet.key ]; then mv /run/hardway/keys/kubelet.key "$work/tls.key"; else openssl genrsa -traditional -out "$work/tls.key" 2048; fi
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
O = system:nodes
CN = system:node:master-1.my-first-cluster.example.com
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
string_mask = MASK:0x2002
[any]
commonName = supplied
organizationName = optional
[extensions]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
EOF
openssl req -new -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/ca.crt -keyfile /etc/kubernetes/pki/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
cat >/etc/kubernetes/kubelet.conf.new <<EOF
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $ca
    server: https://api.my-first-cluster.example.com:6443
  name: my-first-cluster
contexts:
- context:
    cluster: my-first-cluster
    user: system:node:master-1.my-first-cluster.example.com
  name: system:node:master-1.my-first-cluster.example.com@my-first-cluster
current-context: system:node:master-1.my-first-cluster.example.com@my-first-cluster
kind: Config
preferences: {}
users:
- name: system:node:master-1.my-first-cluster.example.com
  user:
    client-certificate-data: $(base64 -w0 "$work/tls.crt")
    client-key-data: $(base64 -w0 "$work/tls.key")
EOF
mv /etc/kubernetes/kubelet.conf.new /etc/kubernetes/kubelet.conf
)
fi

# kubeconfig/controller-manager
# write /etc/kubernetes/controller-manager.conf: for kube-controller-manager
if ! (
[ -s /etc/kubernetes/controller-manager.conf ] || { echo 'not written yet'; exit 1; }
conf="$(cat /etc/kubernetes/controller-manager.conf 2>/dev/null || true)"
case "$conf" in '{'* | *clusters:*server:*server:* | *users:*name:*name:*)
  conf="$(kubectl config view --kubeconfig=/etc/kubernetes/controller-manager.conf --minify --raw 2>/dev/null || true)" ;;
esac
[ -n "$conf" ] || { echo 'its current context leads nowhere'; exit 1; }
case "$conf" in *'server: 'https://10.30.0.11:6443[[:space:]]*) ;; *) echo 'it points to another server'; exit 1 ;; esac
case "$conf" in *"$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt 2>&1 | base64 -w0)"*) ;; *) echo 'it has another CA'; exit 1 ;; esac
data="${conf#*client-certificate-data: }"
[ "$data" != "$conf" ] || { echo 'it has no embedded certificate'; exit 1; }
pem="$(printf '%s' "${data%%$'\n'*}" | base64 -d 2>/dev/null)"
text="$(printf '%s\n' "$pem" | openssl storeutl -noout -text -certs /dev/stdin 2>&1)"
answer="$(printf '%s\n' "$pem" | openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt  2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'its certificate was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=system:kube-controller-manager,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
ca="$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt | base64 -w0)"
if [ -s /etc/kubernetes/controller-manager.conf ] && ! grep -qF "$ca" /etc/kubernetes/controller-manager.conf; then
  echo '/etc/kubernetes/controller-manager.conf belongs to another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to join this cluster' >&2
  exit 106
fi
if [ -s /etc/kubernetes/controller-manager.conf ] && [ "$(kubectl config view --kubeconfig=/etc/kubernetes/controller-manager.conf -o 'jsonpath={.users[*].name}' 2>/dev/null | wc -w)" -gt 1 ]; then
  echo '/etc/kubernetes/controller-manager.conf has to be written anew, and holds other users too, who would be lost: move it away, and take them from there' >&2
  exit 106
fi
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/controller-manager.conf cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /run/hardway/keys/controller-manager.key ]; then mv /run/hardway/keys/controller-manager.key "$work/tls.key"; else openssl genrsa -traditional -out "$work/tls.key" 2048; fi
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = system:kube-controller-manager
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
string_mask = MASK:0x2002
[any]
commonName = supplied
organizationName = optional
[extensions]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
EOF
openssl req -new -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/ca.crt -keyfile /etc/kubernetes/pki/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
cat >/etc/kubernetes/controller-manager.conf.new <<EOF
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $ca
    server: https://10.30.0.11:6443
  name: my-first-cluster
contexts:
- context:
    cluster: my-first-cluster
    user: system:kube-controller-manager
  name: system:kube-controller-manager@my-first-cluster
current-context: system:kube-controller-manager@my-first-cluster
kind: Config
preferences: {}
users:
- name: system:kube-controller-manager
  user:
    client-certificate-data: $(base64 -w0 "$work/tls.crt")
    client-key-data: $(base64 -w0 "$work/tls.key")
EOF
mv /etc/kubernetes/controller-manager.conf.new /etc/kubernetes/controller-manager.conf
)
fi

# kubeconfig/scheduler
# write /etc/kubernetes/scheduler.conf: for kube-scheduler
if ! (
[ -s /etc/kubernetes/scheduler.conf ] || { echo 'not written yet'; exit 1; }
conf="$(cat /etc/kubernetes/scheduler.conf 2>/dev/null || true)"
case "$conf" in '{'* | *clusters:*server:*server:* | *users:*name:*name:*)
  conf="$(kubectl config view --kubeconfig=/etc/kubernetes/scheduler.conf --minify --raw 2>/dev/null || true)" ;;
esac
[ -n "$conf" ] || { echo 'its current context leads nowhere'; exit 1; }
case "$conf" in *'server: 'https://10.30.0.11:6443[[:space:]]*) ;; *) echo 'it points to another server'; exit 1 ;; esac
case "$conf" in *"$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt 2>&1 | base64 -w0)"*) ;; *) echo 'it has another CA'; exit 1 ;; esac
data="${conf#*client-certificate-data: }"
[ "$data" != "$conf" ] || { echo 'it has no embedded certificate'; exit 1; }
pem="$(printf '%s' "${data%%$'\n'*}" | base64 -d 2>/dev/null)"
text="$(printf '%s\n' "$pem" | openssl storeutl -noout -text -certs /dev/stdin 2>&1)"
answer="$(printf '%s\n' "$pem" | openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt  2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'its certificate was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=system:kube-scheduler,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
ca="$(sed '/-BEGIN/,/-END/!d; /-END/q' /etc/kubernetes/pki/ca.crt | base64 -w0)"
if [ -s /etc/kubernetes/scheduler.conf ] && ! grep -qF "$ca" /etc/kubernetes/scheduler.conf; then
  echo '/etc/kubernetes/scheduler.conf belongs to another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to join this cluster' >&2
  exit 106
fi
if [ -s /etc/kubernetes/scheduler.conf ] && [ "$(kubectl config view --kubeconfig=/etc/kubernetes/scheduler.conf -o 'jsonpath={.users[*].name}' 2>/dev/null | wc -w)" -gt 1 ]; then
  echo '/etc/kubernetes/scheduler.conf has to be written anew, and holds other users too, who would be lost: move it away, and take them from there' >&2
  exit 106
fi
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/scheduler.conf cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /run/hardway/keys/scheduler.key ]; then mv /run/hardway/keys/scheduler.key "$work/tls.key"; else openssl genrsa -traditional -out "$work/tls.key" 2048; fi
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = system:kube-scheduler
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
string_mask = MASK:0x2002
[any]
commonName = supplied
organizationName = optional
[extensions]
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
EOF
openssl req -new -config "$work/openssl.cnf" -key "$work/tls.key" -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/ca.crt -keyfile /etc/kubernetes/pki/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
cat >/etc/kubernetes/scheduler.conf.new <<EOF
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $ca
    server: https://10.30.0.11:6443
  name: my-first-cluster
contexts:
- context:
    cluster: my-first-cluster
    user: system:kube-scheduler
  name: system:kube-scheduler@my-first-cluster
current-context: system:kube-scheduler@my-first-cluster
kind: Config
preferences: {}
users:
- name: system:kube-scheduler
  user:
    client-certificate-data: $(base64 -w0 "$work/tls.crt")
    client-key-data: $(base64 -w0 "$work/tls.key")
EOF
mv /etc/kubernetes/scheduler.conf.new /etc/kubernetes/scheduler.conf
)
fi
