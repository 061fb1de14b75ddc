"""A real JupyterLab and a real Chromium, on loopback, in folders of their own; ended by id."""

from __future__ import annotations

import json
import os
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
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # every cell is in the page
}

OPENING_MS = 60_000
"""A cold JupyterLab on a busy machine."""

IDLE_MS = 20_000
"""How long a kernel may be idle while a cell waits for it, before it is taken for deaf."""

NOTEBOOKS_TRIED = 3

expect.set_options(timeout=30_000)


class Lab:
    """JupyterLab as a process, with a folder of notebooks."""

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        program: Sequence[str] = (sys.executable, "-m", "jupyterlab"),
        work: Path | None = None,
        settings: Mapping[str, object] | None = SETTINGS,  # without: those that are installed
    ) -> None:
        self.work = work or home / "work"
        folders = {name: home / name for name in ("config", "data", "runtime", "ipython", "settings", "app-settings")}
        for folder in (self.work, *folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
        (folders["app-settings"] / "overrides.json").write_text(json.dumps(settings), encoding="utf-8")
        self.token = secrets.token_hex(16)
        self._settings = folders["settings"]
        self._process = subprocess.Popen(
            [
                *(*program, "--ip=127.0.0.1", "--port=0", "--no-browser", "--allow-root"),
                f"--IdentityProvider.token={self.token}",
                *([] if settings is None else [f"--LabApp.app_settings_dir={folders['app-settings']}"]),
                "--LabApp.expose_app_in_browser=True",  # so that a page can go on to the next notebook
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
        """Wait until the port listens: JupyterLab names its URL before."""
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
        """End the kernels: an old one keeps old code."""
        for session in json.loads(self._ask("sessions")):
            self._ask(f"sessions/{session['id']}", "DELETE")

    def kernel_id(self) -> str:
        """Give the id of the one kernel that runs."""
        (session,) = json.loads(self._ask("sessions"))
        found: str = session["kernel"]["id"]
        return found

    def kernel_state(self) -> str:
        """Tell what the one kernel that runs does: idle, busy, starting."""
        (session,) = json.loads(self._ask("sessions"))
        state: str = session["kernel"]["execution_state"]
        return state

    def restart_kernel(self) -> None:
        """Restart the one kernel that runs, as its user would."""
        self._ask(f"kernels/{self.kernel_id()}/restart", "POST")

    def settings_of(self, plugin: str) -> bytes:
        """Give a plugin's settings and their schema, in which the installation's overrides are the defaults (JSON)."""
        return self._ask(f"settings/{plugin}", app="/lab")

    def set_theme(self, theme: str) -> None:
        """Set the theme of pages that are opened from now on, where a user's choice is kept."""
        kept = self._settings / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"theme": theme}), encoding="utf-8")

    def notebook(self, cells: Sequence[str]) -> str:
        """Write a notebook of code cells; give its name."""
        name = f"form-{secrets.token_hex(4)}.ipynb"
        book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
        nbformat.write(book, self.work / name)
        return name

    def address(self, notebook: str) -> str:
        """Give the URL that opens a notebook in a workspace of its own."""
        return f"{self.url}/lab/workspaces/{secrets.token_hex(4)}/tree/{notebook}?token={self.token}&reset"


GO_ON = """async (path) => {
  const { commands } = window.jupyterapp;
  await commands.execute("docmanager:open", { path });
}"""
PENDING = """() => [...document.querySelectorAll(".jp-InputPrompt")].some((prompt) => prompt.innerText.includes("*"))"""
SAVE = """async () => { await window.jupyterapp.commands.execute("docmanager:save"); }"""
LEAVE = """async () => {
  const { commands, shell } = window.jupyterapp;
  for (const widget of shell.widgets("main")) if (widget.context) widget.context.model.dirty = false;
  await commands.execute("application:close-all");
}"""


TOOLBAR_OF_A_CLOSED_NOTEBOOK = "Error while computing the ReactiveToolbar TypeError: Cannot read properties of null"
"""What JupyterLab says where it measures the toolbar of the notebook before, a moment after that was closed."""


class Watched:
    """A page that goes from notebook to notebook, and what it must not do."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.strangers: list[str] = []
        self.errors: list[str] = []
        self._theme = self._name = ""
        page.on("request", lambda request: self._see(request.url))
        page.on("websocket", lambda socket: self._see(socket.url))
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(f"{error.name}: {error.message}\n{error.stack}"))

    def _see(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.strangers.append(url)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(TOOLBAR_OF_A_CLOSED_NOTEBOOK):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def run(self, *cells: str, theme: str = "JupyterLab Light") -> Page:
        """Open a notebook of these cells and run them all.

        One kernel in a hundred of ipykernel 7 never hears of a cell: it stays idle, and the cell at [*] (SubshellManager hands
        messages from thread to thread over sockets that share one wake-up). Its user would begin again, and so does this.
        """
        for _ in range(NOTEBOOKS_TRIED):
            self._open(cells, theme)
            if self.run_all():
                return self.page
            strangers, _ = self.leave()
            assert strangers == []
        raise AssertionError(f"No kernel of {NOTEBOOKS_TRIED} ran the cells")

    def run_all(self, pending: str = PENDING) -> bool:
        """Run all cells and wait until none is pending any more; False where one stays so although the kernel is idle."""
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
        """Open a notebook of these cells, in the theme, and wait for its kernel."""
        page, name = self.page, self.lab.notebook(cells)
        self._name = name
        if theme == self._theme:
            page.evaluate(GO_ON, name)
        else:
            self.lab.set_theme(theme)
            page.goto(self.lab.address(name), timeout=OPENING_MS)
            self._theme = theme
        expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(cells), timeout=OPENING_MS)
        light = str(theme == "JupyterLab Light").lower()
        page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel has started."""
        status = self.page.locator("#jp-bottom-panel, #jp-main-statusbar").get_by_text("| Idle")
        expect(status).to_be_visible(timeout=OPENING_MS)

    def reopen(self, while_closed: Callable[[], None]) -> Page:
        """Save and close the notebook, let something happen, and open it again; its kernel goes on.

        JupyterLab asks the kernel for its widgets only once, and shows "Loading widget..." for good where that is among the
        messages an ipykernel 7 never hears (see run). Its user would open the notebook again, and so does this.
        """
        self.page.evaluate(SAVE)
        self.page.evaluate(LEAVE)
        while_closed()
        for _ in range(NOTEBOOKS_TRIED):
            self.page.evaluate(GO_ON, self._name)
            if self._widgets_are_there():
                return self.page
            self.page.evaluate(LEAVE)
        raise AssertionError(f"None of {NOTEBOOKS_TRIED} openings showed the notebook's widgets")

    def _widgets_are_there(self) -> bool:
        """Wait until the notebook is open and its widgets are in the page; False where they do not come."""
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_attached(timeout=OPENING_MS)
        try:
            self.page.locator(".jp-OutputArea-output .jupyter-widgets").first.wait_for(timeout=IDLE_MS)
        except NotInTime:
            return False
        return True

    def leave(self) -> tuple[list[str], list[str]]:
        """Close the notebook and its kernel; give what was asked beyond loopback, and what was complained of."""
        found = self.strangers[:], self.errors[:]  # before: ipywidgets complains when a kernel goes before its widgets
        self.page.evaluate(LEAVE)
        self.lab.end_sessions()
        self.strangers.clear()
        self.errors.clear()
        return found


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Give Debian's Chromium, without a head."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()


def environment_of(sandbox_environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a JupyterLab whose kernels talk to a sandbox."""
    return dict(os.environ) | dict(sandbox_environment)
