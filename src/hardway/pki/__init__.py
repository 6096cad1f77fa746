"""Certificates and kubeconfigs: the catalogue of requests, and openssl text that fulfils them."""
