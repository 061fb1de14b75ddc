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

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--allow-loopback-in-peer-connection",  # WebRTC between two peers of this machine, also without a network
    "--use-fake-device-for-media-stream",  # a webcam that is there and whose use is granted
    "--use-fake-ui-for-media-stream",
]
MEDIA = ["camera", "microphone"]
"""The permissions with which a page uses addresses, also those of loopback, as they are, and not as names of mDNS."""

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

LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"

# Tests wait for what is not seen yet with wait_for(): to_be_visible() describes the whole page at each look that fails.
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
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            # A worker thread of AnyIO that was not told to end keeps the interpreter waiting.
            self._process.kill()
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

    def _kernels(self) -> list[dict[str, str]]:
        kernels: list[dict[str, str]] = json.loads(self._ask("kernels"))
        return kernels

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


OPEN = """async (path) => { await window.jupyterapp.commands.execute("docmanager:open", { path }); }"""
REFILL = """(sources) => {
  const { sharedModel } = window.jupyterapp.shell.currentWidget.content.model;
  const cells = sources.map((source) => ({ cell_type: "code", source, metadata: {}, outputs: [] }));
  sharedModel.transact(() => {
    sharedModel.deleteCellRange(0, sharedModel.cells.length);
    sharedModel.insertCells(0, cells);
  });
}"""
RUN_ALL = """() => {
  const ended = () => { window.ran = true; };
  window.ran = false;
  window.jupyterapp.commands.execute("notebook:run-all-cells").then(ended, ended);
}"""
RAN = """() => window.ran"""
SET_THEME = """async (theme) => { await window.jupyterapp.commands.execute("apputils:change-theme", { theme }); }"""
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


OF_LOST_WIDGETS = ("Error: widget model not found", "Could not send widget sync message Error: Cannot send")
"""Messages of ipywidgets when a notebook is closed while its widgets are shown, and opened after they went with their kernel."""


REQUEST_OF_A_CLOSED_NOTEBOOK = "Error: Canceled future for create_subshell_request"
"""JupyterLab 4.4's error when a notebook is closed before its kernel has answered the request of a widget's thread."""


class Watched:
    """A page that shows the cells of one test after the other, and records requests beyond loopback and errors.

    The tests share a notebook and its kernel: to open the one, start the other and import pandas takes longer than most tests.
    """

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.remote_requests: list[str] = []
        self.errors: list[str] = []
        self._theme = self._notebook = self._undo = ""
        self._is_reusable = self._has_lost_widgets = False
        page.on("request", lambda request: self._record_request(request.url))
        page.on("websocket", lambda socket: self._record_request(socket.url))
        page.on("console", self._record_message)
        page.on("pageerror", lambda error: self._record_error(f"{error.name}: {error.message}", error.stack))

    def _record_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.remote_requests.append(url)

    def _record_message(self, message: ConsoleMessage) -> None:
        expected = (TOOLBAR_OF_A_CLOSED_NOTEBOOK, *(OF_LOST_WIDGETS if self._has_lost_widgets else ()))
        if message.type == "error" and not message.text.startswith(expected):
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def _record_error(self, text: str, stack: str | None) -> None:
        if not text.startswith(REQUEST_OF_A_CLOSED_NOTEBOOK):  # any test may close the notebook of the one before
            self.errors.append(f"{text}\n{stack}")

    def run(self, *cells: str, theme: str = LIGHT, undo: str = "") -> Page:
        """Show these cells and run them all; the kernel runs ``undo`` when the test is over."""
        self._show(cells, theme)
        self._undo = undo
        self.run_all()
        self._has_lost_widgets = False  # only now: the notebook of the test before may have complained meanwhile
        return self.page

    def run_all(self, ended: str = RAN) -> None:
        """Run all cells and wait for them."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function(ended, timeout=OPENING_MS)

    def _show(self, cells: Sequence[str], theme: str) -> None:
        """Put these cells into the notebook, which is opened if none is, and wait for its theme and kernel."""
        if self._is_reusable:
            self.page.evaluate(REFILL, cells)
        else:
            self._open(cells)
        expect(self.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(cells), timeout=OPENING_MS)
        self.set_theme(theme)
        self.wait_for_kernel()

    def set_theme(self, theme: str) -> None:
        """Choose a theme, and wait for it and for the end of JupyterLab's splash, which fails if the next theme comes before."""
        if theme != self._theme:
            self.page.evaluate(SET_THEME, theme)
            self._theme = theme
        light = str(theme == LIGHT).lower()
        self.page.wait_for_selector(f'body[data-jp-theme-light="{light}"]', state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def _open(self, cells: Sequence[str]) -> None:
        self._notebook = self.lab.notebook(cells)
        if self._theme:
            self.page.evaluate(OPEN, self._notebook)
        else:
            self.page.goto(self.lab.address(self._notebook), timeout=OPENING_MS)
            self._theme = LIGHT
        self._is_reusable = True

    def wait_for_kernel(self) -> None:
        """Wait until the notebook's kernel has started."""
        status = self.page.locator("#jp-bottom-panel, #jp-main-statusbar").get_by_text("| Idle")
        status.wait_for(timeout=OPENING_MS)

    def reopen(self, while_closed: Callable[[], None]) -> Page:
        """Save and close the notebook, call a function, and open the notebook again; its kernel goes on."""
        self._has_lost_widgets = True
        self.page.evaluate(SAVE)
        self.page.evaluate(LEAVE)
        self._is_reusable = False
        while_closed()
        self.page.evaluate(OPEN, self._notebook)
        wait_for_widgets(self.page)
        self._is_reusable = True
        return self.page

    def reload(self) -> Page:
        """Save the notebook and load the page again, as the browser's button does; the kernel goes on."""
        self._has_lost_widgets = True
        self._is_reusable = False
        self.page.evaluate(SAVE)
        self.page.reload(timeout=OPENING_MS)
        wait_for_widgets(self.page)
        return self.page

    def open_in(self, page: Page) -> None:
        """Open the notebook in a page and wait until it shows its widgets."""
        page.goto(self.lab.address(self._notebook), timeout=OPENING_MS)
        wait_for_widgets(page)

    def restart_kernel_by_menu(self) -> None:
        """Restart the kernel by JupyterLab's menu; this notebook would not show widgets of the kernel that follows."""
        self._is_reusable = False
        self._has_lost_widgets = True
        self.choose_in_menu("Kernel", "Restart Kernel…")
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        self.wait_for_kernel()

    def choose_in_menu(self, menu: str, entry: str) -> None:
        """Click an entry of JupyterLab's menu bar."""
        self.page.get_by_role("menubar").get_by_text(menu, exact=True).click()
        self.page.get_by_role("menuitem", name=entry).first.click()

    def reopen_with_another_kernel(self) -> None:
        """Save and close the notebook, end its kernel, and open it again."""
        self.page.evaluate(SAVE)
        self.page.evaluate(LEAVE)
        self._is_reusable = False
        self.lab.end_sessions()
        self.page.evaluate(OPEN, self._notebook)
        expect(self.page.locator(".jp-Notebook .jp-Cell").first).to_be_attached(timeout=OPENING_MS)
        self.wait_for_kernel()

    def follow_disconnected_advice(self) -> None:
        """Do what the sentence below a form without a kernel says, in its cell."""
        self.page.locator(".jp-Cell:has(.kvs-disconnected) .jp-InputArea-editor").last.click()
        self.choose_in_menu("Run", "Run All Above Selected Cell")
        self.page.keyboard.press("Shift+Enter")

    def leave(self) -> tuple[list[str], list[str]]:
        """Remove the cells and return the requests beyond loopback and the errors; a notebook that cannot be reused is closed."""
        found = self._take_records()  # before: ipywidgets complains when widgets go before their page
        if not self._is_reusable or not self._is_cleared():
            self._close()
        self._take_records()
        return found

    def _take_records(self) -> tuple[list[str], list[str]]:
        taken = self.remote_requests[:], self.errors[:]
        self.remote_requests.clear()
        self.errors.clear()
        return taken

    def _is_cleared(self) -> bool:
        """Remove the cells, and what they left in the kernel; return False if the kernel did not do it."""
        self.page.evaluate(REFILL, [])
        code, self._undo = f"{self._undo}\n{FORGET}", ""
        return bool(self.page.evaluate(CLEAR_KERNEL, [code, CLEARING_MS]))

    def _close(self) -> None:
        """Close the notebook and end its kernel."""
        self.page.evaluate(LEAVE)
        self.lab.end_sessions()
        self._is_reusable = False


def wait_for_widgets(page: Page) -> None:
    """Wait until the notebook is open and shows its widgets."""
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_attached(timeout=OPENING_MS)
    page.locator(".jp-OutputArea-output").locator(".jupyter-widgets, .kvs-live").first.wait_for(timeout=OPENING_MS)


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Yield Debian's Chromium, headless."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        yield browser
    finally:
        browser.close()
