"""Kubernetes the hard way, as software: chapters equal to kubeadm phases, every step in the open."""
