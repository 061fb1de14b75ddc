"""Run by each kernel of ``kvs-notebook lab`` and Binder at its start, in the notebook's namespace, where it leaves no name."""

import kvs_notebook.jupyter.name_error_hint

kvs_notebook.jupyter.name_error_hint.enable_name_error_hint()
del kvs_notebook
