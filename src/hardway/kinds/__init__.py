"""Kubernetes' kinds as tables of Go structs: what fields there are, and how they are written."""
