"""The audit of a cluster that lives: what its own kubeadm-config says it should be, and what is there. Read-only."""
