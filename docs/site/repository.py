"""Takes files of the repository that the pages link to into the site, under `repository/`."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
FOLDER = "repository"
LINK = re.compile(r"\]\(((?:\.\./)*[\w./-]+)(#[\w-]+)?\)")
#: A fence whose further words are for the tests; Markdown's own extension takes the language alone.
FENCE = re.compile(r"^(```\w+) .*$", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Add every file that a page links to and that is not in the site yet, and what those link to in turn."""
    waiting = [file for file in files if file.is_documentation_page()]
    while waiting:
        page = waiting.pop()
        for target, _ in LINK.findall(page.content_string):
            wanted = _source(page.src_uri, target)
            if wanted not in files.src_uris and (path := _path(wanted)).is_file():
                added = File.generated(config, wanted, abs_src_path=str(path))
                files.append(added)
                if added.is_documentation_page():
                    waiting.append(added)
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Point the page's links to where their files are in the site."""

    def pointed(link: re.Match[str]) -> str:
        wanted = _source(page.file.src_uri, link[1])
        if wanted not in files.src_uris:
            return link[0]
        return f"]({relpath(wanted, normpath(f'{page.file.src_uri}/..'))}{link[2] or ''})"

    return LINK.sub(pointed, FENCE.sub(r"\1", markdown))


def _source(page: str, target: str) -> str:
    """Give the file that a link leads to as the site names it."""
    place = page.removeprefix(f"{FOLDER}/") if page.startswith(f"{FOLDER}/") else f"docs/{page}"
    wanted = normpath(f"{place}/../{target}")
    return wanted.removeprefix("docs/") if wanted.startswith("docs/") else f"{FOLDER}/{wanted}"


def _path(source: str) -> Path:
    """Give the file behind a name of the site."""
    inside = source.startswith(f"{FOLDER}/")
    return ROOT / (source.removeprefix(f"{FOLDER}/") if inside else f"docs/{source}")
