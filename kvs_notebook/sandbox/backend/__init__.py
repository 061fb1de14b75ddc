"""Backend of the sandbox: operations, channels, tags, access keys, rate limits and faults."""
