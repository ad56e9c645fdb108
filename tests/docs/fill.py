"""Run the commands of the pages and write what they print below them: python -m tests.docs.fill [PAGE]..."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.pages import CHECKOUT, PAGES, blocks, commands, shown
from tests.docs.running import HOME, copy_shop, matches, run, write_file


def fill(page: Path) -> None:
    """Bring one page up to date, and leave alone what differs in times and dates only."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_shop(Path(folder) / "shop")
        for block in blocks(page):
            write_file(block, copy)
            written = block.text
            for command in commands(block):
                printed = run(command, copy)
                if matches(command.expected, printed, copy):
                    continue
                printed = printed.replace(str(copy), HOME).strip("\n")
                before = f"$ {command.text}\n" + (f"{command.expected.rstrip()}\n" if command.expected.strip() else "")
                after = f"$ {command.text}\n" + (f"{printed}\n" if printed else "")
                written = written.replace(before, after, 1)
            text = text.replace(block.text, written, 1)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    wanted = [Path(name).resolve() for name in sys.argv[1:]] or PAGES
    for each in wanted:
        fill(each)
        print(shown(each) if each.is_relative_to(CHECKOUT) else each)
