"""Carries steps to nodes: transports, probing, plans and their application. It prints nothing."""
