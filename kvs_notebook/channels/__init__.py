"""Signaling channels: list, describe, create, update, delete and tag them."""
