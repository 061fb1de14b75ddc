"""One account in one region: connections, credentials, quotas, retries and errors."""
