#!/usr/bin/env bash
# Certificates
# Node: master-2.my-first-cluster.example.com
# Article: chapter 11, 12, 13, 14, 15
# kubeadm: kubeadm join phase control-plane-prepare certs
set -euo pipefail

# certs/directory
# make the directory /etc/kubernetes
install -d -m 0755 -o root -g root /etc/kubernetes

# certs/pki-directory
# make the directory /etc/kubernetes/pki
install -d -m 0755 -o root -g root /etc/kubernetes/pki

# certs/etcd-directory
# make the directory /etc/kubernetes/pki/etcd
install -d -m 0755 -o root -g root /etc/kubernetes/pki/etcd

# certs/keys
# make the private keys side by side: finding primes takes longer than everything else here, and every processor can help
if ! (
[ -s /etc/kubernetes/pki/apiserver.key ] || [ -s /etc/kubernetes/pki/apiserver.crt ] || { echo '/etc/kubernetes/pki/apiserver.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver-kubelet-client.key ] || [ -s /etc/kubernetes/pki/apiserver-kubelet-client.crt ] || { echo '/etc/kubernetes/pki/apiserver-kubelet-client.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/front-proxy-client.key ] || [ -s /etc/kubernetes/pki/front-proxy-client.crt ] || { echo '/etc/kubernetes/pki/front-proxy-client.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/server.key ] || [ -s /etc/kubernetes/pki/etcd/server.crt ] || { echo '/etc/kubernetes/pki/etcd/server.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/peer.key ] || [ -s /etc/kubernetes/pki/etcd/peer.crt ] || { echo '/etc/kubernetes/pki/etcd/peer.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/healthcheck-client.key ] || [ -s /etc/kubernetes/pki/etcd/healthcheck-client.crt ] || { echo '/etc/kubernetes/pki/etcd/healthcheck-client.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver-etcd-client.key ] || [ -s /etc/kubernetes/pki/apiserver-etcd-client.crt ] || { echo '/etc/kubernetes/pki/apiserver-etcd-client.key is missing'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
install -d -m 0700 /run/hardway/keys
for key in /etc/kubernetes/pki/apiserver.key \
  /etc/kubernetes/pki/apiserver-kubelet-client.key \
  /etc/kubernetes/pki/front-proxy-client.key \
  /etc/kubernetes/pki/etcd/server.key \
  /etc/kubernetes/pki/etcd/peer.key \
  /etc/kubernetes/pki/etcd/healthcheck-client.key \
  /etc/kubernetes/pki/apiserver-etcd-client.key; do
  [ -s "$key" ] || [ -s "${key%.key}.crt" ] ||
    { openssl genrsa -traditional -out "$key.new" 2048 && mv "$key.new" "$key"; } &
done
wait
)
fi

# certs/apiserver
# issue /etc/kubernetes/pki/apiserver.crt: the API server shows it to its clients
if ! (
[ -s /etc/kubernetes/pki/apiserver.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/apiserver.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/apiserver.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/apiserver.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=kube-apiserver,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Server Authentication,'*) ;; *) echo 'it lacks TLS Web Server Authentication'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:api.my-first-cluster.example.com,*) ;; *) echo 'it lacks DNS:api.my-first-cluster.example.com'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:kubernetes,*) ;; *) echo 'it lacks DNS:kubernetes'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:kubernetes.default,*) ;; *) echo 'it lacks DNS:kubernetes.default'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:kubernetes.default.svc,*) ;; *) echo 'it lacks DNS:kubernetes.default.svc'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:kubernetes.default.svc.cluster.local,*) ;; *) echo 'it lacks DNS:kubernetes.default.svc.cluster.local'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:master-2.my-first-cluster.example.com,*) ;; *) echo 'it lacks DNS:master-2.my-first-cluster.example.com'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:10.96.0.1,'*) ;; *) echo 'it lacks IP Address:10.96.0.1'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:10.30.0.12,'*) ;; *) echo 'it lacks IP Address:10.30.0.12'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/pki/apiserver.crt cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/apiserver.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/apiserver.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/apiserver.crt was signed by another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/apiserver.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/apiserver.key.new 2048 && mv /etc/kubernetes/pki/apiserver.key.new /etc/kubernetes/pki/apiserver.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = kube-apiserver
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
extendedKeyUsage = serverAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
subjectAltName = DNS:api.my-first-cluster.example.com, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, DNS:master-2.my-first-cluster.example.com, IP:10.96.0.1, IP:10.30.0.12
EOF
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/apiserver.key -out "$work/tls.csr"
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
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/apiserver.crt.new
mv /etc/kubernetes/pki/apiserver.crt.new /etc/kubernetes/pki/apiserver.crt
)
fi

# certs/apiserver-kubelet-client
# issue /etc/kubernetes/pki/apiserver-kubelet-client.crt: the API server shows it to kubelets
if ! (
[ -s /etc/kubernetes/pki/apiserver-kubelet-client.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver-kubelet-client.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/apiserver-kubelet-client.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/apiserver-kubelet-client.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: O=kubeadm:cluster-admins, CN=kube-apiserver-kubelet-client,'* | *' Subject: CN=kube-apiserver-kubelet-client,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/ca.crt ] || [ ! -s /etc/kubernetes/pki/ca.key ]; then
  echo '/etc/kubernetes/pki/apiserver-kubelet-client.crt cannot be made without /etc/kubernetes/pki/ca.crt and /etc/kubernetes/pki/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/apiserver-kubelet-client.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/apiserver-kubelet-client.crt was signed by another CA than /etc/kubernetes/pki/ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/apiserver-kubelet-client.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/apiserver-kubelet-client.key.new 2048 && mv /etc/kubernetes/pki/apiserver-kubelet-client.key.new /etc/kubernetes/pki/apiserver-kubelet-client.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
O = kubeadm:cluster-admins
CN = kube-apiserver-kubelet-client
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
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/apiserver-kubelet-client.key -out "$work/tls.csr"
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
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/apiserver-kubelet-client.crt.new
mv /etc/kubernetes/pki/apiserver-kubelet-client.crt.new /etc/kubernetes/pki/apiserver-kubelet-client.crt
)
fi

# certs/front-proxy-client
# issue /etc/kubernetes/pki/front-proxy-client.crt: the API server shows it to extension API servers
if ! (
[ -s /etc/kubernetes/pki/front-proxy-client.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/front-proxy-client.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/front-proxy-client.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/front-proxy-ca.crt /etc/kubernetes/pki/front-proxy-client.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/front-proxy-ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/front-proxy-client.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=front-proxy-client,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/front-proxy-ca.crt ] || [ ! -s /etc/kubernetes/pki/front-proxy-ca.key ]; then
  echo '/etc/kubernetes/pki/front-proxy-client.crt cannot be made without /etc/kubernetes/pki/front-proxy-ca.crt and /etc/kubernetes/pki/front-proxy-ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/front-proxy-client.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/front-proxy-ca.crt /etc/kubernetes/pki/front-proxy-client.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/front-proxy-client.crt was signed by another CA than /etc/kubernetes/pki/front-proxy-ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/front-proxy-client.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/front-proxy-client.key.new 2048 && mv /etc/kubernetes/pki/front-proxy-client.key.new /etc/kubernetes/pki/front-proxy-client.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = front-proxy-client
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
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/front-proxy-client.key -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/front-proxy-ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/front-proxy-ca.crt -keyfile /etc/kubernetes/pki/front-proxy-ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/front-proxy-client.crt.new
mv /etc/kubernetes/pki/front-proxy-client.crt.new /etc/kubernetes/pki/front-proxy-client.crt
)
fi

# certs/etcd-server
# issue /etc/kubernetes/pki/etcd/server.crt: etcd shows it to its clients
if ! (
[ -s /etc/kubernetes/pki/etcd/server.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/server.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/etcd/server.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/server.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/etcd/ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/etcd/server.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=master-2.my-first-cluster.example.com,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Server Authentication,'*) ;; *) echo 'it lacks TLS Web Server Authentication'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:localhost,*) ;; *) echo 'it lacks DNS:localhost'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:master-2.my-first-cluster.example.com,*) ;; *) echo 'it lacks DNS:master-2.my-first-cluster.example.com'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:10.30.0.12,'*) ;; *) echo 'it lacks IP Address:10.30.0.12'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:127.0.0.1,'*) ;; *) echo 'it lacks IP Address:127.0.0.1'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:0:0:0:0:0:0:0:1,'*) ;; *) echo 'it lacks IP Address:0:0:0:0:0:0:0:1'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/etcd/ca.crt ] || [ ! -s /etc/kubernetes/pki/etcd/ca.key ]; then
  echo '/etc/kubernetes/pki/etcd/server.crt cannot be made without /etc/kubernetes/pki/etcd/ca.crt and /etc/kubernetes/pki/etcd/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/etcd/server.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/server.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/etcd/server.crt was signed by another CA than /etc/kubernetes/pki/etcd/ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/etcd/server.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/etcd/server.key.new 2048 && mv /etc/kubernetes/pki/etcd/server.key.new /etc/kubernetes/pki/etcd/server.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = master-2.my-first-cluster.example.com
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
extendedKeyUsage = serverAuth, clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, DNS:master-2.my-first-cluster.example.com, IP:10.30.0.12, IP:127.0.0.1, IP:::1
EOF
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/etcd/server.key -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/etcd/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/etcd/ca.crt -keyfile /etc/kubernetes/pki/etcd/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/etcd/server.crt.new
mv /etc/kubernetes/pki/etcd/server.crt.new /etc/kubernetes/pki/etcd/server.crt
)
fi

# certs/etcd-peer
# issue /etc/kubernetes/pki/etcd/peer.crt: etcd members show it to each other
if ! (
[ -s /etc/kubernetes/pki/etcd/peer.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/peer.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/etcd/peer.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/peer.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/etcd/ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/etcd/peer.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=master-2.my-first-cluster.example.com,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Server Authentication,'*) ;; *) echo 'it lacks TLS Web Server Authentication'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:localhost,*) ;; *) echo 'it lacks DNS:localhost'; exit 1 ;; esac
case "$text" in *[,\ ]DNS:master-2.my-first-cluster.example.com,*) ;; *) echo 'it lacks DNS:master-2.my-first-cluster.example.com'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:10.30.0.12,'*) ;; *) echo 'it lacks IP Address:10.30.0.12'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:127.0.0.1,'*) ;; *) echo 'it lacks IP Address:127.0.0.1'; exit 1 ;; esac
case "$text" in *[,\ ]'IP Address:0:0:0:0:0:0:0:1,'*) ;; *) echo 'it lacks IP Address:0:0:0:0:0:0:0:1'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/etcd/ca.crt ] || [ ! -s /etc/kubernetes/pki/etcd/ca.key ]; then
  echo '/etc/kubernetes/pki/etcd/peer.crt cannot be made without /etc/kubernetes/pki/etcd/ca.crt and /etc/kubernetes/pki/etcd/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/etcd/peer.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/peer.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/etcd/peer.crt was signed by another CA than /etc/kubernetes/pki/etcd/ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/etcd/peer.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/etcd/peer.key.new 2048 && mv /etc/kubernetes/pki/etcd/peer.key.new /etc/kubernetes/pki/etcd/peer.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = master-2.my-first-cluster.example.com
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
extendedKeyUsage = serverAuth, clientAuth
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = none
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, DNS:master-2.my-first-cluster.example.com, IP:10.30.0.12, IP:127.0.0.1, IP:::1
EOF
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/etcd/peer.key -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/etcd/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/etcd/ca.crt -keyfile /etc/kubernetes/pki/etcd/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/etcd/peer.crt.new
mv /etc/kubernetes/pki/etcd/peer.crt.new /etc/kubernetes/pki/etcd/peer.crt
)
fi

# certs/etcd-healthcheck-client
# issue /etc/kubernetes/pki/etcd/healthcheck-client.crt: tools on this node show it to etcd
if ! (
[ -s /etc/kubernetes/pki/etcd/healthcheck-client.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/healthcheck-client.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/etcd/healthcheck-client.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/healthcheck-client.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/etcd/ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/etcd/healthcheck-client.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=kube-etcd-healthcheck-client,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/etcd/ca.crt ] || [ ! -s /etc/kubernetes/pki/etcd/ca.key ]; then
  echo '/etc/kubernetes/pki/etcd/healthcheck-client.crt cannot be made without /etc/kubernetes/pki/etcd/ca.crt and /etc/kubernetes/pki/etcd/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/etcd/healthcheck-client.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/healthcheck-client.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/etcd/healthcheck-client.crt was signed by another CA than /etc/kubernetes/pki/etcd/ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/etcd/healthcheck-client.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/etcd/healthcheck-client.key.new 2048 && mv /etc/kubernetes/pki/etcd/healthcheck-client.key.new /etc/kubernetes/pki/etcd/healthcheck-client.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = kube-etcd-healthcheck-client
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
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/etcd/healthcheck-client.key -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/etcd/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/etcd/ca.crt -keyfile /etc/kubernetes/pki/etcd/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/etcd/healthcheck-client.crt.new
mv /etc/kubernetes/pki/etcd/healthcheck-client.crt.new /etc/kubernetes/pki/etcd/healthcheck-client.crt
)
fi

# certs/apiserver-etcd-client
# issue /etc/kubernetes/pki/apiserver-etcd-client.crt: the API server shows it to etcd
if ! (
[ -s /etc/kubernetes/pki/apiserver-etcd-client.crt ] || { echo 'no certificate yet'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver-etcd-client.key ] || { echo 'no key'; exit 1; }
text="$(openssl storeutl -noout -text -certs /etc/kubernetes/pki/apiserver-etcd-client.crt 2>&1)"
answer="$(openssl verify -no-CApath -no-CAstore -partial_chain -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-etcd-client.crt 2>&1)" || {
  case "$answer" in *'has expired'*) echo expired ;; *) echo 'it was not signed by /etc/kubernetes/pki/etcd/ca.crt' ;; esac
  exit 1
}
public="$(openssl pkey -noout -text_pub -in /etc/kubernetes/pki/apiserver-etcd-client.key 2>&1)"
case "${text//[[:space:]]/}" in *"${public//[[:space:]]/}"*) ;;
  *) echo 'the key does not belong to the certificate'; exit 1 ;; esac
text="${text%%$'\n1: '*}"
text="${text//$'\n'/,},"
case "$text" in *' Subject: CN=kube-apiserver-etcd-client,'*) ;; *) echo 'it has another subject'; exit 1 ;; esac
case "$text" in *[,\ ]'TLS Web Client Authentication,'*) ;; *) echo 'it lacks TLS Web Client Authentication'; exit 1 ;; esac
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ ! -s /etc/kubernetes/pki/etcd/ca.crt ] || [ ! -s /etc/kubernetes/pki/etcd/ca.key ]; then
  echo '/etc/kubernetes/pki/apiserver-etcd-client.crt cannot be made without /etc/kubernetes/pki/etcd/ca.crt and /etc/kubernetes/pki/etcd/ca.key: bring the CA, or with an external CA the file' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/apiserver-etcd-client.crt ] &&
  ! openssl verify -no-CApath -no-CAstore -partial_chain -no_check_time -CAfile /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-etcd-client.crt >/dev/null 2>&1; then
  echo '/etc/kubernetes/pki/apiserver-etcd-client.crt was signed by another CA than /etc/kubernetes/pki/etcd/ca.crt: move it away if this node is to belong to this CA' >&2
  exit 106
fi
[ -s /etc/kubernetes/pki/apiserver-etcd-client.key ] || { openssl genrsa -traditional -out /etc/kubernetes/pki/apiserver-etcd-client.key.new 2048 && mv /etc/kubernetes/pki/apiserver-etcd-client.key.new /etc/kubernetes/pki/apiserver-etcd-client.key; }
cat >"$work/openssl.cnf" <<'EOF'
[req]
prompt = no
distinguished_name = subject
string_mask = MASK:0x2002
[subject]
CN = kube-apiserver-etcd-client
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
openssl req -new -config "$work/openssl.cnf" -key /etc/kubernetes/pki/apiserver-etcd-client.key -out "$work/tls.csr"
: >"$work/index.txt"
printf '%016x\n' "$(($(od -An -N8 -td8 /dev/urandom) & 0x7fffffffffffffff))" >"$work/serial"
issuer="$(openssl asn1parse -in /etc/kubernetes/pki/etcd/ca.crt)"
# As Go, which signs with the hash that is as strong as the curve of the CA.
case "$issuer" in
*:secp384r1*) digest=sha384 ;;
*:secp521r1*) digest=sha512 ;;
*) digest=sha256 ;;
esac
start="$(sed -n '0,/TIME/s/.*TIME *://p' <<<"$issuer")"
end="$(date -u -d '+365 days' +%Y%m%d%H%M%SZ)"
(cd "$work" && openssl ca -batch -notext -preserveDN -md "$digest" -config openssl.cnf \
  -cert /etc/kubernetes/pki/etcd/ca.crt -keyfile /etc/kubernetes/pki/etcd/ca.key -in tls.csr -out tls.crt -extensions extensions \
  -startdate "$start" -enddate "$end" 2>ca.log) ||
  { cat "$work/ca.log" >&2; exit 1; }
install -m 0644 "$work/tls.crt" /etc/kubernetes/pki/apiserver-etcd-client.crt.new
mv /etc/kubernetes/pki/apiserver-etcd-client.crt.new /etc/kubernetes/pki/apiserver-etcd-client.crt
)
fi
