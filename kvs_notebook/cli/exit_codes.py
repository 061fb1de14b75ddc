"""Exit codes of the ``kvs-notebook`` command, besides 0 for success and click's 2 for a usage error.

If several apply to an inventory, the first of these is returned: 128 and more (a signal), FAILED, PARTIAL, TAGS_MISSING. So a gap
is not hidden by a missing tag, nor a file that could not be written by a gap.
"""

FAILED = 1
"""The command failed, and standard error says why: nothing could be read, or a file, a comparison or a snapshot failed. Also: a
scan found a secret."""

PARTIAL = 3
"""A part is missing: an inventory was written and has gaps, which standard error names, or a plan was applied and some of its
steps are not done."""

TAGS_MISSING = FAILED
"""Everything was read and written, and a channel lacks a required tag or has a value that is not allowed."""

CHANGES = 4
"""``kvs-notebook plan --exit-code`` found changes."""

NOT_EXECUTABLE = 126
NOT_FOUND = 127
SIGNAL_BASE = 128
"""A process that signal N ended has the exit code 128 + N, as in a shell; so an interrupted command has 130."""
