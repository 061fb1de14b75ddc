"""Startup: what a kernel of ``kvs-notebook lab`` or Binder runs first, among the notebook's names, of which it leaves none."""

import kvs_notebook.jupyter.name_error_hint

kvs_notebook.jupyter.name_error_hint.explain_names()
del kvs_notebook
