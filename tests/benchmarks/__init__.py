"""Benchmarks: the project's promises of speed, each measured together with its baseline in one run.

``python -m tests.benchmarks`` prints the table. The default ``pytest`` run does not include them.
"""
