"""JupyterLab and Chromium as processes on loopback, each with folders of its own."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect
from playwright.sync_api import TimeoutError as NotInTime

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START = """import sys
sys.modules["rfc3987_syntax"] = None  # see tests/iri_check.py
from jupyterlab.labapp import main
main()"""
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # every cell is in the page
}

OPENING_MS = 60_000
"""Time for JupyterLab's first page on a busy machine."""

IDLE_MS = 20_000
"""How long a kernel may be idle while a cell waits for it, before the kernel is replaced."""

NOTEBOOKS_TRIED = 3

LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"

expect.set_options(timeout=30_000)


class Lab:
    """JupyterLab as a process, with a folder of notebooks."""

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        program: Sequence[str] = (sys.executable, "-c", START),
        work: Path | None = None,
        settings: Mapping[str, object] | None = SETTINGS,  # None: the installed overrides apply
    ) -> None:
        self.work = work or home / "work"
        folders = {name: home / name for name in ("config", "data", "runtime", "ipython", "settings", "app-settings")}
        for folder in (self.work, *folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
        (folders["app-settings"] / "overrides.json").write_text(json.dumps(settings), encoding="utf-8")
        self.token = secrets.token_hex(16)
        self._process = subprocess.Popen(
            [
                *(*program, "--ip=127.0.0.1", "--port=0", "--no-browser", "--allow-root"),
                f"--IdentityProvider.token={self.token}",
                *([] if settings is None else [f"--LabApp.app_settings_dir={folders['app-settings']}"]),
                "--LabApp.expose_app_in_browser=True",  # window.jupyterapp runs JupyterLab's commands
            ],
            cwd=self.work,
            env={name: value for name, value in environment.items() if not name.startswith("JUPYTER")}
            | {
                "JUPYTER_CONFIG_DIR": str(folders["config"]),
                "JUPYTER_DATA_DIR": str(folders["data"]),
                "JUPYTER_RUNTIME_DIR": str(folders["runtime"]),
                "JUPYTERLAB_SETTINGS_DIR": str(folders["settings"]),
                "IPYTHONDIR": str(folders["ipython"]),
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.log: list[str] = []
        self.url = self._wait_for_url()
        self._wait_until_served()
        self._drain = threading.Thread(target=self._read_on, daemon=True)
        self._drain.start()

    def _wait_for_url(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            at = line.find("http://127.0.0.1:")
            if at >= 0 and "token=" in line:
                return f"http://{urlsplit(line[at:].strip()).netloc}"
        raise RuntimeError("JupyterLab ended before it served:\n" + "".join(self.log))

    def _wait_until_served(self) -> None:
        """Wait until the port listens: JupyterLab prints its URL before."""
        give_up = time.monotonic() + OPENING_MS / 1000
        while True:
            try:
                self._ask("status")
            except URLError:
                if time.monotonic() > give_up or self._process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def _read_on(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(self._process.stderr)

    def stop(self) -> None:
        """End every kernel and the server."""
        self.end_sessions()
        self._process.terminate()
        self._process.wait(20)
        self._drain.join(5)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _ask(self, path: str, method: str = "GET", app: str = "") -> bytes:
        asked = Request(f"{self.url}{app}/api/{path}", method=method, headers={"Authorization": f"token {self.token}"})  # noqa: S310
        with urlopen(asked, timeout=20) as reply:  # noqa: S310 - on loopback
            content: bytes = reply.read()
        return content

    def end_sessions(self) -> None:
        """End every kernel, and with it the sessions of its notebooks."""
        for kernel in self._kernels():
            self._ask(f"kernels/{kernel['id']}", "DELETE")

    def kernel_id(self) -> str:
        """Return the id of the only kernel."""
        (kernel,) = self._kernels()
        return kernel["id"]

    def kernel_state(self) -> str:
        """Return what the only kernel does: idle, busy or starting."""
        (kernel,) = self._kernels()
        return kernel["execution_state"]

    def _kernels(self) -> list[dict[str, str]]:
        kernels: list[dict[str, str]] = json.loads(self._ask("kernels"))
        return kernels

    def restart_kernel(self) -> None:
        """Restart the only kernel, as its user would."""
        self._ask(f"kernels/{self.kernel_id()}/restart", "POST")

    def settings_of(self, plugin: str) -> bytes:
        """Return a plugin's settings as JSON; the defaults of their schema include the installation's overrides."""
        return self._ask(f"settings/{plugin}", app="/lab")

    def notebook(self, cells: Sequence[str]) -> str:
        """Write a notebook of code cells and return its name."""
        name = f"form-{secrets.token_hex(4)}.ipynb"
        book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
        nbformat.write(book, self.work / name)
        return name

    def address(self, notebook: str) -> str:
        """Return the URL that opens a notebook in a workspace of its own."""
        return f"{self.url}/lab/workspaces/{secrets.token_hex(4)}/tree/{notebook}?token={self.token}&reset"


OPEN = """async ([path, id]) => {
  await window.jupyterapp.commands.execute("docmanager:open", { path, ...(id && { kernel: { id } }) });
}"""
SET_THEME = """async (theme) => { await window.jupyterapp.commands.execute("apputils:change-theme", { theme }); }"""
PENDING = """() => [...document.querySelectorAll(".jp-InputPrompt")].some((prompt) => prompt.innerText.includes("*"))"""
SAVE = """async () => { await window.jupyterapp.commands.execute("docmanager:save"); }"""
LEAVE = """async () => {
  const { commands, shell } = window.jupyterapp;
  for (const widget of shell.widgets("main")) if (widget.context) widget.context.model.dirty = false;
  await commands.execute("application:close-all");
}"""

CLEAR_KERNEL = """async ([code, milliseconds]) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const reply = kernel.requestExecute({ code, silent: true, store_history: false }).done;
  const late = new Promise((resolve) => setTimeout(resolve, milliseconds));
  return (await Promise.race([reply, late]))?.content.status === "ok";
}"""
FORGET = """import ipywidgets
from kvs_notebook.aws.default_connection import set_current
ipywidgets.Widget.close_all()
set_current(None)
get_ipython().reset(new_session=False)"""
"""Leave no widget, connection or name to the next notebook of this kernel."""
CLEARING_MS = 5_000

TOOLBAR_OF_A_CLOSED_NOTEBOOK = "Error while computing the ReactiveToolbar TypeError: Cannot read properties of null"
"""JupyterLab's message when it measures the toolbar of a notebook that was closed a moment before."""


class Watched:
    """A page that shows one notebook after the other, and records requests beyond loopback and errors.

    The notebooks share a kernel: to start one and to import pandas in it takes longer than most tests.
    """

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.remote_requests: list[str] = []
        self.errors: list[str] = []
        self._theme = self._name = ""
        self._kernel: str | None = None
        page.on("request", lambda request: self._record_request(request.url))
        page.on("websocket", lambda socket: self._record_request(socket.url))
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self.errors.append(f"{error.name}: {error.message}\n{error.stack}"))

    def _record_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.remote_requests.append(url)

    def _record_message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(TOOLBAR_OF_A_CLOSED_NOTEBOOK):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def run(self, *cells: str, theme: str = LIGHT, own_kernel: bool = False) -> Page:
        """Open a notebook of these cells and run them all; cells that change the kernel's process need their own kernel.

        One kernel in a hundred of ipykernel 7 never receives a cell: it stays idle, and the cell at [*] (SubshellManager hands
        messages from thread to thread over sockets that share one wake-up). Then this begins again, as a user would.
        """
        if own_kernel:
            self._end_kernel()
        for _ in range(NOTEBOOKS_TRIED):
            self._open(cells, theme)
            if self.run_all():
                self._kernel = None if own_kernel else self.lab.kernel_id()
                return self.page
            self._kernel = None
            remote_requests, _ = self.leave()
            assert remote_requests == []
        raise AssertionError(f"No kernel of {NOTEBOOKS_TRIED} ran the cells")

    def run_all(self, pending: str = PENDING) -> bool:
        """Run all cells and wait for them; return False if one stays pending although the kernel is idle."""
        self.page.get_by_role("menuitem", name="Run").first.click()
        self.page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        idle_since = None
        while self.page.evaluate(pending):
            idle = self.lab.kernel_state() == "idle"
            idle_since = (idle_since or time.monotonic()) if idle else None
            if idle_since is not None and time.monotonic() - idle_since > IDLE_MS / 1000:
                return False
            self.page.wait_for_timeout(50)
        return True

    def _open(self, cells: Sequence[str], theme: str) -> None:
        """Open a notebook of these cells in a theme, and wait for its kernel."""
        page, self._name = self.page, self.lab.notebook(cells)
        if not self._theme:
            page.goto(self.lab.address(self._name), timeout=OPENING_MS)
            self._theme = LIGHT
        else:
            page.evaluate(OPEN, [self._name, self._kernel])
        expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(cells), timeout=OPENING_MS)
        if theme != self._theme:
            page.evaluate(SET_THEME, theme)
            self._theme = theme
        light = str(theme == LIGHT).lower()
        page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel has started."""
        status = self.page.locator("#jp-bottom-panel, #jp-main-statusbar").get_by_text("| Idle")
        expect(status).to_be_visible(timeout=OPENING_MS)

    def reopen(self, while_closed: Callable[[], None]) -> Page:
        """Save and close the notebook, call a function, and open the notebook again; its kernel goes on.

        JupyterLab asks the kernel for its widgets only once, and keeps "Loading widget..." if that message is one that an
        ipykernel 7 never receives (see run). Then this opens the notebook again, as a user would.
        """
        self.page.evaluate(SAVE)
        self.page.evaluate(LEAVE)
        while_closed()
        for _ in range(NOTEBOOKS_TRIED):
            self.page.evaluate(OPEN, [self._name, None])
            if self._shows_widgets():
                return self.page
            self.page.evaluate(LEAVE)
        raise AssertionError(f"None of {NOTEBOOKS_TRIED} openings showed the notebook's widgets")

    def _shows_widgets(self) -> bool:
        """Wait until the notebook is open and shows its widgets; return False if they do not come."""
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_attached(timeout=OPENING_MS)
        try:
            self.page.locator(".jp-OutputArea-output .jupyter-widgets").first.wait_for(timeout=IDLE_MS)
        except NotInTime:
            return False
        return True

    def leave(self) -> tuple[list[str], list[str]]:
        """Close the notebook and return the requests beyond loopback and the errors; a kernel of its own ends."""
        found = (
            self.remote_requests[:],
            self.errors[:],
        )  # before: ipywidgets complains when widgets go before their page
        if self._kernel is not None and not self.page.evaluate(CLEAR_KERNEL, [FORGET, CLEARING_MS]):
            self._kernel = None
        self.page.evaluate(LEAVE)
        if self._kernel is None:
            self._end_kernel()
        self.remote_requests.clear()
        self.errors.clear()
        return found

    def _end_kernel(self) -> None:
        self.lab.end_sessions()
        self._kernel = None


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Yield Debian's Chromium, headless."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()
