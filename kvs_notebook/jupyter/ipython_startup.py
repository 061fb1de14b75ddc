"""Startup file of the kernels of ``kvs-notebook lab`` and Binder; it leaves no name in the notebook's namespace."""

import kvs_notebook.jupyter.name_error_hint

kvs_notebook.jupyter.name_error_hint.enable_name_error_hint()
del kvs_notebook
