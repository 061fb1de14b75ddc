"""Startup: what a kernel of ``kvs-notebook lab`` or Binder runs first, among the notebook's names, of which it leaves none."""

import kvs_notebook.lesson

kvs_notebook.lesson.explain_names()
del kvs_notebook
