"""The ``kvs-notebook`` command."""
