"""cluster.yaml to Cluster: kubeadm's documents and the Inventory, checked, defaulted and frozen."""

from hardway.config.advice import advice
from hardway.config.load import load, load_with_text, loads, text_of
from hardway.config.problems import InvalidConfiguration, Problem
from hardway.config.stored import Objection, stored

__all__ = [
    "InvalidConfiguration",
    "Objection",
    "Problem",
    "advice",
    "load",
    "load_with_text",
    "loads",
    "stored",
    "text_of",
]
