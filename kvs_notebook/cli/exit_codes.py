"""Exit codes of the ``kvs-notebook`` command, beside 0 for success and click's 2 for a usage error."""

FAILED = 1
"""The command failed, for the reason in its one line on standard error; or a scan or a check found something."""

PARTIAL = 3
"""The inventory was written, and its gaps are named on standard error; or a plan was applied, and not all of it is done."""

NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNAL_BASE = 128
"""A process that signal N ended has the exit code 128 + N, as in a shell; so an interrupted command has 130."""
