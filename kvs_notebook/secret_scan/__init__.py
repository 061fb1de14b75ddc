"""Secrets in saved notebooks: signed URLs, keys, tokens and passwords."""
