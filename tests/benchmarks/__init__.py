"""Benchmarks: what the project promises of its speed, measured beside a peer in one run.

``python -m tests.benchmarks`` prints the table; they are no part of the default ``pytest``.
"""
