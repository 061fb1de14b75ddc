"""Exit codes of the ``kvs-notebook`` command."""

FAILED = 1
"""One line on standard error says why."""

PARTIAL = 3
"""An inventory was written, and its gaps are named on standard error."""

NOT_RUNNABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128
"""As a shell gives them for a program: signal N gives 128 + N."""
