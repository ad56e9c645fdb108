"""What the pages say is so: their commands run and print what stands below them, their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path

import pytest

from tests.docs.pages import CHECKOUT, PAGES, Block, blocks, commands, shown
from tests.docs.running import copy_shop, matches, run, write_file

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
RUN = [page for page in PAGES if any(True for block in blocks(page) for _ in commands(block))]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shop."""
    return copy_shop(tmp_path / "shop")


@pytest.mark.parametrize("page", RUN, ids=shown)
def test_the_commands_of_a_page_print_what_stands_below_them(page: Path, copy: Path) -> None:
    """All commands of a page run in order, in one copy of the shop; files that it shows are written there."""
    for block in blocks(page):
        write_file(block, copy)
        for command in commands(block):
            printed = run(command, copy)
            assert matches(command.expected, printed, copy), (
                f"{shown(page)}:{command.line}: $ {command.text}\n\nprints\n\n{printed}\nnot\n\n{command.expected}\n"
            )


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading in it; not to a folder, which is no page of the site."""
    wrong = []
    for target in LINK.findall(_without_blocks(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_file() or (anchor and anchor not in _anchors(file)):
            wrong.append(target)
    assert [] == wrong


def test_the_site_is_built(tmp_path: Path) -> None:
    """Every page of it, and those of the repository that they link to; a link that leads nowhere is an error."""
    program = str(Path(sys.executable).parent / "mkdocs")
    built = subprocess.run(
        [program, "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (built.returncode, built.stderr)
    for page in CHECKOUT.glob("docs/**/*.md"):
        within = page.relative_to(CHECKOUT / "docs").with_suffix("")
        folder = within.parent if within.name == "README" else within
        assert "<h1" in (tmp_path / "site" / folder / "index.html").read_text(encoding="utf-8")


def _without_blocks(page: Path) -> str:
    pieces = page.read_text(encoding="utf-8").split("```")
    return "".join(pieces[::2])


def _anchors(page: Path) -> set[str]:
    """Give the anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.*)$", _without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_a_page_is_written_with_care(page: Path) -> None:
    """Fences are closed, no line ends in blanks, and there is one title."""
    text = page.read_text(encoding="utf-8")
    assert 0 == text.count("\n```") % 2
    assert [] == [line for line in text.splitlines() if line != line.rstrip()]
    assert 1 == len(re.findall(r"^# ", _without_blocks(page), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_a_block_that_is_a_file_says_so_to_a_reader(page: Path) -> None:
    """In the paragraph above it, since the words behind a fence are not shown; a time may stand there for any."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks(page):
        above = " ".join(lines[: block.line - 1]).rstrip().rpartition("  ")[2]
        for pattern in (word.removeprefix("file=") for word in block.words if word.startswith("file=")):
            named = re.findall(r"`([^`]+)`", above)
            assert [path for path in named if fnmatch(path, pattern)], f"{shown(page)}:{block.line}: {pattern}"


@pytest.mark.parametrize("project", ["minimal"])
def test_the_sessions_in_one_project_run_one_after_another(project: str, copy: Path) -> None:
    """In one clone, in any order, and again: each begins with a database of its own."""
    folder = f"examples/{project}"
    pages = [
        page for page in RUN if any(folder in command.text for block in blocks(page) for command in commands(block))
    ]
    assert 3 < len(pages)
    for page in (*pages, *reversed(pages)):
        test_the_commands_of_a_page_print_what_stands_below_them(page, copy)


def test_every_page_can_be_reached_from_the_readme() -> None:
    """By following links."""
    assert set() == set(PAGES) - _reached(CHECKOUT / "README.md")


def test_every_page_of_the_documentation_can_be_reached_from_its_index() -> None:
    """Without going by the README."""
    assert set() == set(CHECKOUT.glob("docs/**/*.md")) - _reached(
        CHECKOUT / "docs" / "README.md", CHECKOUT / "README.md"
    )


def _reached(begin: Path, *closed: Path) -> set[Path]:
    """Follow links from a page, and through none that is closed."""
    reached, waiting = set(closed), [begin]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in LINK.findall(_without_blocks(page)):
            file = (page.parent / target.partition("#")[0]).resolve()
            if file.suffix == ".md" and file.is_file():
                waiting.append(file)
    return reached


def test_the_readmes_commands_are_what_continuous_integration_runs() -> None:
    """Word for word, so that they are tried in every build."""
    given = [block.text.strip() for block in blocks(CHECKOUT / "README.md") if block.language == "sh"]
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    assert 2 == len(given)
    assert [] == [line for line in given if f"\n{line} || exit\n" not in script]
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_no_page_promises_a_command_that_does_not_exist() -> None:
    """`tdm-seed word` is a command, wherever it is written."""
    from tdm_seed.cli import tdm_seed

    wrong = []
    for page in PAGES:
        for word in re.findall(r"tdm-seed ([a-z]+)\b", page.read_text(encoding="utf-8")):
            if f"`tdm-seed {word}" in page.read_text(encoding="utf-8") and word not in tdm_seed.commands:
                wrong.append(f"{shown(page)}: tdm-seed {word}")
    assert [] == wrong


def test_blocks_have_a_language() -> None:
    """So that they are coloured, and so that `console` is what is run."""
    wrong = [f"{shown(page)}:{block.line}" for page in PAGES for block in blocks(page) if not block.language]
    assert [] == wrong
    unrun = [
        f"{shown(page)}:{block.line}"
        for page, found in groupby(((page, block) for page in PAGES for block in blocks(page)), lambda pair: pair[0])
        for _, block in found
        if block.language == "console" and not _runs(block)
    ]
    assert [] == unrun


def _runs(block: Block) -> bool:
    return any(True for _ in commands(block))
