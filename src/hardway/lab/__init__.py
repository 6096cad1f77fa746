"""Local nodes with real systemd and sshd, for trying, testing and measuring on one machine."""
