"""``python -m kvs_notebook`` is the ``kvs-notebook`` command."""

from kvs_notebook.cli.main import main

if __name__ == "__main__":
    main()
