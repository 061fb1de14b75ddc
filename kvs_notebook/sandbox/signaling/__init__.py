"""Live signaling of the sandbox: peers, queues and frames."""
