"""A cluster that kubeadm has made and one that our chapters have made, both alive, and what each of them stores."""
