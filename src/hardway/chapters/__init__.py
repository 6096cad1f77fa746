"""One module per chapter, named as the kubeadm phase."""
