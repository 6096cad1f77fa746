#!/usr/bin/env bash
# Architecture and infrastructure
# Node: lb-1.my-first-cluster.example.com
# Article: chapter 3, 4
set -euo pipefail

# readiness/address
# wait up to 1 s for the machine to own the address 10.30.0.8
deadline=$((SECONDS + 1))
until (
ip -o addr show | grep -qF ' 10.30.0.8/' || { echo 'no interface has it'; exit 1; }
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the machine to own the address 10.30.0.8' >&2
    exit 1
  fi
  sleep 1
done
