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
wrong=''
while read -r name address how; do
  case "$address" in *:*) family=ahostsv6 ;; *) family=ahostsv4 ;; esac
  fits='' others=''
  while read -r one kind _; do
    [ "$kind" = STREAM ] || continue
    if [ "$one" = "$address" ]; then fits=yes; else others="${others:+$others, }$one"; fi
  done < <(getent "$family" "$name")
  if [ -z "$fits" ]; then
    wrong="$wrong; $name resolves to ${others:-nothing}, the inventory says $address"
  elif [ -n "$others" ] && [ "$how" = only ]; then
    wrong="$wrong; $name resolves to $others, too, the inventory says $address only"
  fi
done <<'EOF'
api.my-first-cluster.example.com 10.30.0.10 among others
EOF
[ -z "$wrong" ] || { echo "${wrong#; }"; exit 1; }
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the name of the API to resolve to the balancer'"'"'s address' >&2
    exit 1
  fi
  sleep 1
done
