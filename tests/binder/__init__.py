"""Binder without a container: ``python -m tests.binder``."""
