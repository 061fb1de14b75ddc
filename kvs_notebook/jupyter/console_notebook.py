"""Extension of Jupyter Server for ``kvs-notebook console``: it runs the console's notebook before the browser shows it.

JupyterLab runs no cell when it opens a notebook. But it shows the widgets of a kernel that runs already, and takes the outputs
from the file. So this starts the notebook's kernel, runs its cell, writes the outputs to the file, signs it, and only then opens
the browser. If that fails, the notebook is opened without running it, and Shift+Enter runs it.
"""

from __future__ import annotations

from typing import Any

NOTEBOOK = "console.ipynb"
TIMEOUT_SECONDS = 60.0


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Run the notebook as soon as the server runs."""
    from tornado.ioloop import IOLoop

    opens_browser, server.open_browser = server.open_browser, False
    IOLoop.current().add_callback(_run_and_open, server, opens_browser=opens_browser)


async def _run_and_open(server: Any, *, opens_browser: bool) -> None:
    try:
        await _run_notebook(server)
    except Exception:
        server.log.exception("Could not run %s. Press Shift+Enter in it.", NOTEBOOK)
    if opens_browser:
        server.launch_browser()


async def _run_notebook(server: Any) -> None:
    """Run the notebook's only code cell in the kernel that JupyterLab will find for it."""
    import nbformat

    path = f"{server.root_dir}/{NOTEBOOK}"
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat
    session = await server.session_manager.create_session(path=NOTEBOOK, name=NOTEBOOK, type="notebook")
    client = server.kernel_manager.get_kernel(session["kernel"]["id"]).client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=TIMEOUT_SECONDS)
        (cell,) = notebook.cells
        await _run_cell(client, cell)
    finally:
        client.stop_channels()
    server.contents_manager.notary.sign(notebook)  # JupyterLab shows no widget of a notebook that is not trusted
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call] # nbformat


async def _run_cell(client: Any, cell: Any) -> None:
    from nbformat.v4 import output_from_msg

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] in {"display_data", "execute_result", "stream", "error"}:
            cell.outputs.append(output_from_msg(message))  # type: ignore[no-untyped-call] # nbformat

    reply = await client.execute_interactive(cell.source, allow_stdin=False, output_hook=keep, timeout=TIMEOUT_SECONDS)
    cell.execution_count = reply["content"]["execution_count"]
