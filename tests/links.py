"""Find broken links in a Markdown document or in a notebook's Markdown cells. Remote links are never fetched."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat

CODE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1`*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
TARGET = re.compile(
    r"\]\(\s*<?([^)\s>]*)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]^]+\]:\s*(\S+)|\b(?:src|href)=[\"']([^\"']*)", re.MULTILINE
)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
NAMED = re.compile(r"\b(?:id|name)=[\"']([^\"']+)")


def prose(path: Path) -> str:
    """Return a document's text, or that of a notebook's Markdown cells."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def links(text: str) -> list[str]:
    """Return the targets of the links and pictures of a text, without those in code."""
    return ["".join(each) for each in TARGET.findall(CODE.sub("", text))]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document, as GitHub makes them, or as JupyterLab does, which keeps a heading's case."""
    text = CODE.sub(lambda found: found[0].strip("`") if "\n" not in found[0] else "", prose(path))
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(text)]
    if path.suffix == ".ipynb":
        return {title.replace(" ", "-") for title in titles} | {*NAMED.findall(text)}
    found: list[str] = []
    for title in titles:
        plain = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found.append(f"{plain}-{found.count(plain)}" if plain in found else plain)
    return {*found, *NAMED.findall(text)}


def problems(path: Path, top: Path) -> list[str]:
    """Return each broken link of a document and what to change; no link may leave the folder ``top``."""
    found = [(link, _problem(link, path, top)) for link in links(prose(path))]
    return [f"{link}: {problem}" for link, problem in found if problem]


def _problem(link: str, path: Path, top: Path) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return _remote_problem(link, top)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not link or parts.path.startswith("/"):
        return "use a path relative to this document"
    if not target.is_relative_to(top) or not target.exists():
        return "no such file in the project"
    if parts.fragment and (target.is_dir() or unquote(parts.fragment) not in anchors(target)):
        return "no such heading"
    return None


def _remote_problem(link: str, top: Path) -> str | None:
    parts = urlsplit(link)
    if parts.scheme != "https" or not re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc):
        return "use https:// and a host name"
    opens = parse_qs(parts.query).get("urlpath", [""])[0].removeprefix("lab/tree/")
    if parts.netloc == "mybinder.org" and opens and not (top / opens).is_file():
        return f"Binder would open {opens}, which is not in the project"
    return None
