"""What the sandbox knows and keeps: channels, tags, access keys, rate limits, faults."""
