"""A dialect from elsewhere: one package and one line, and the small conformance list holds for it."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed import dialects
from tdm_seed.errors import SeedError
from tests.conformance.small import COUNTRY, Shop, SmallConformance

PACKAGE = Path(__file__).parent / "third_party"
ROOT = Path(__file__).parents[2]


def install(project: Path, site: Path) -> None:
    """Install a pure Python project as an installer would, without a network: its packages and its entry points."""
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = described["name"].replace("-", "_")
    shutil.copytree(project / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    information = site / f"{name}-{described['version']}.dist-info"
    information.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {described['name']}\nVersion: {described['version']}\n"
    (information / "METADATA").write_text(metadata, encoding="utf-8")
    groups = [
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in points.items())])
        for group, points in described["entry-points"].items()
    ]
    (information / "entry_points.txt").write_text("\n\n".join(groups) + "\n", encoding="utf-8")


class TestPapyrus(SmallConformance):
    """The dialect of ``third_party/``, installed for these tests only."""

    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[Path]:
        """A folder of installed packages, on the path for as long as the test runs."""
        site = tmp_path / "site"
        install(PACKAGE, site)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(site)
            importlib.invalidate_caches()
            yield site
        sys.modules.pop("tdm_seed_papyrus", None)

    @pytest.fixture
    def url(self, site: Path, tmp_path: Path) -> str:
        """A database that only the installed package knows."""
        return f"papyrus:///{tmp_path / 'scroll.db'}"

    def test_it_is_found_by_its_entry_point(self, url: str) -> None:
        """Under the scheme of its URLs, and among the names that seeds may use."""
        assert "Papyrus" == type(dialects.resolve(url)[0]).__name__
        assert "papyrus" in dialects.names()

    def test_sections_of_sql_may_be_for_it_alone(self, shop: Shop) -> None:
        """It answers to its own name, not to that of the driver."""
        insert = "INSERT INTO country (code, name) VALUES"
        sections = {"sqlite": "SL", "papyrus": "PA"}
        text = "\n".join(
            f"-- tdm-seed: upgrade {name}\n{insert} ('{code}', '{name}');" for name, code in sections.items()
        )
        shop.add("sections.sql", text + "\n")
        shop.upgrade(targets=["sections"])
        assert [("PA",)] == shop.rows(sa.select(COUNTRY.c.code))

    def test_its_capabilities_are_honoured(self, shop: Shop) -> None:
        """It has savepoints, so a seed that ends its transaction behind SQLAlchemy's back is noticed."""
        driver = "db.connection.connection.driver_connection"
        shop.add("behind.py", f"def upgrade(db):\n    {driver}.execute('COMMIT')\n")
        with pytest.raises(SeedError, match="ended the transaction that it runs in"):
            shop.upgrade(targets=["behind"])

    def test_the_command_line_needs_nothing_but_the_package(self, site: Path, tmp_path: Path) -> None:
        """Being installed is enough to migrate and seed the shop, and its digest is that on SQLite."""

        def tdm_seed(command: str, url: str, *options: str) -> Any:
            path = os.pathsep.join([str(site), str(ROOT)])
            words = [sys.executable, "-m", "tdm_seed", command, "--env", "test", "--url", url, "--json", *options]
            done = subprocess.run(
                words, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
            )
            assert (0, "") == (done.returncode, done.stderr)
            return json.loads(done.stdout)

        ours, theirs = (f"{scheme}:///{tmp_path / scheme}.db" for scheme in ("sqlite", "papyrus"))
        for url in (ours, theirs):
            tdm_seed("upgrade", url, "--migrate")
        assert tdm_seed("digest", ours)["tables"] == tdm_seed("digest", theirs)["tables"]
        assert [] == tdm_seed("upgrade", theirs)["steps"]
