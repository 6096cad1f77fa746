"""Is what we make what kubeadm makes? The real kubeadm is run beside, and everything is compared field by field."""
