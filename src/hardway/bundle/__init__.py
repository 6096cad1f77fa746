"""Bundles: everything that nodes would download, collected where there is a network and brought where there is none."""
