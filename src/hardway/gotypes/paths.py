"""Paths as Go's path/filepath shortens them, which kubeadm does with the paths of files."""

import posixpath


def clean(path: str) -> str:
    """The shortest form of an absolute path (`filepath.Clean`). Python keeps two slashes at the beginning, Go does not."""
    return f"/{posixpath.normpath(path).lstrip('/')}"
