# hardway: Kubernetes the hard way, as software.
SHELL := /bin/bash
HARDWAY := .venv/bin/hardway
LAB := examples/lab/cluster.yaml
export LC_ALL := C.UTF-8

.PHONY: help setup up down test lint binaries fast parity lab test-full bench golden

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | column -t -s $$'\t'

setup: ## install what the checkout needs (packages, .venv)
	@tools/setup.sh --lab

up: setup ## bring the lab's cluster up and show it
	$(HARDWAY) lab up -f $(LAB)
	$(HARDWAY) apply -f $(LAB)
	$(HARDWAY) lab exec master-1 -- kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes
	@echo 'a shell on a node:   $(HARDWAY) lab shell master-1'
	@echo 'is all well?         $(HARDWAY) check -f $(LAB)'
	@echo 'take it away:        make down'

down: ## remove the lab
	$(HARDWAY) lab down

test: setup lint binaries fast parity lab ## everything that has to be green

lint: ## style and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

binaries: ## Kubernetes, etcd and the rest, built once per version and kept in the cache
	.venv/bin/python tests/built.py

fast: ## unit, property and golden tests: no root, no nodes
	.venv/bin/pytest -q -n auto --dist worksteal -m "not parity" tests/unit tests/property tests/golden

parity: ## against the real kubeadm; with N=2000 that many random configurations, resumable
	$(if $(N),.venv/bin/python tests/parity/broad.py $(N),.venv/bin/pytest -q -m "parity and not long" tests/unit tests/property tests/parity)

lab: ## acid tests on real nodes
	.venv/bin/pytest -q -m "not long" tests/e2e

test-full: setup ## the long tail: other examples of every property, and the clock
	HYPOTHESIS_PROFILE=searching $(MAKE) test
	.venv/bin/pytest -q -m long tests/e2e tests/parity
	$(MAKE) parity N=200
	$(MAKE) bench

bench: setup ## hardway against stock kubeadm on the same nodes
	.venv/bin/python bench/bench.py

golden: setup ## write golden files, docs/reference.md, docs/schemas and the table of README anew; read the difference before you commit it
	@.venv/bin/pytest -q tests/golden --golden >/dev/null || true
	@.venv/bin/pytest -q -m parity tests/parity/test_first_proof.py -k readme --golden >/dev/null || true
	.venv/bin/pytest -q tests/golden
	@git status --short tests/golden docs
