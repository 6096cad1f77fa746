"""kubeadm's patches: what their files are called, and what they make of a manifest. Pure."""
