"""Turn off a check that no test needs and that each process would pay for: jsonschema's of IRIs.

If ``rfc3987_syntax`` is installed, importing jsonschema (which nbformat and JupyterLab do) builds its grammar: 3 s of CPU.
"""

import sys

sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # an import raises ImportError, which jsonschema expects
