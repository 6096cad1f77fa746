#!/usr/bin/env bash
# Architecture and infrastructure
# Node: worker-1.my-first-cluster.example.com
# Article: chapter 3, 4
set -euo pipefail

# readiness/address
# wait up to 1 s for the machine to own the address 10.30.0.21
deadline=$((SECONDS + 1))
until (
ip -o addr show | grep -qF ' 10.30.0.21/' || { echo 'no interface has it'; exit 1; }
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the machine to own the address 10.30.0.21' >&2
    exit 1
  fi
  sleep 1
done

# readiness/dns
# wait up to 10 s for the name of the API to resolve to the balancer's address
deadline=$((SECONDS + 10))
until (
while read -r name address; do
  found="$(getent ahosts "$name")"
  case $'\n'"$found" in
    *$'\n'"$address "*) ;;
    *) found="${found%%[[:space:]]*}"
      echo "$name resolves to ${found:-nothing}, the inventory says $address"
      exit 1 ;;
  esac
done <<'EOF'
api.my-first-cluster.example.com 10.30.0.10
EOF
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the name of the API to resolve to the balancer'"'"'s address' >&2
    exit 1
  fi
  sleep 1
done
