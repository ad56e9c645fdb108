"""What users are handed: the wheel, the source distribution, and what they say about themselves."""

from __future__ import annotations

import re
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import entry_points, metadata
from pathlib import Path

import pytest

from tdm_seed import __version__, dialects

CHECKOUT = Path(__file__).parents[2]
PROMISED = {
    "sqlalchemy", "alembic", "click", "faker", "psycopg", "pymysql", "rich", "filelock", "tomlkit", "sqlglot",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the checkout makes."""
    wheels = pytest.importorskip("hatchling.builders.wheel")
    built = wheels.WheelBuilder(str(CHECKOUT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    return Path(next(iter(built)))


@pytest.fixture(scope="module")
def said(wheel: Path) -> Message:
    """The wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"tdm_seed-{__version__}.dist-info/METADATA").decode())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """No tests, no seeds of the example; and the mark that it is typed."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"tdm_seed", f"tdm_seed-{__version__}.dist-info"} == {name.partition("/")[0] for name in names}
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "tdm_seed").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}
    assert "tdm_seed/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)


def test_the_wheel_says_what_it_needs(said: Message) -> None:
    """The base dependencies are few, and each has a lower bound."""
    base = [line for line in said.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert PROMISED == {re.split(r"[^\w-]", line)[0] for line in base}
    assert [] == [line for line in base if ">=" not in line]
    assert ">=3.11" == said["Requires-Python"]
    assert {"testing", "dev"} <= set(said.get_all("Provides-Extra", []))


def test_the_readme_is_the_page_of_the_package(said: Message) -> None:
    """With its first sentence as the summary's neighbour."""
    assert "text/markdown" == said["Description-Content-Type"]
    assert str(said.get_payload()).startswith("# tdm-seed\n")


def test_the_wheel_brings_the_program_and_the_dialects(wheel: Path) -> None:
    """By its entry points."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"tdm_seed-{__version__}.dist-info/entry_points.txt").decode()
    assert "tdm-seed = tdm_seed.cli:main" in text
    for name in dialects.names():
        assert f"\n{name} = tdm_seed.dialects." in text


def test_the_source_distribution_is_enough_to_test_it(tmp_path: Path) -> None:
    """The tests need the example shop, the pages and the configuration."""
    sdists = pytest.importorskip("hatchling.builders.sdist")
    built = Path(next(iter(sdists.SdistBuilder(str(CHECKOUT)).build(directory=str(tmp_path)))))
    with tarfile.open(built) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for wanted in (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "pyproject.toml",
        "tox.ini",
        ".ci/run",
        "docs/commands.md",
        "docs/decisions/upsert.md",
        "examples/shop/alembic.ini",
        "seeds/environments/dev.toml",
        "seeds/reference/20260105_1200_countries.csv",
        "tests/conftest.py",
        "tests/packaging/test_distribution.py",
    ):
        assert wanted in names
    assert [] == [name for name in names if name.endswith((".db", ".pyc", ".lock"))]


def test_what_is_installed_is_this_version() -> None:
    """And its program calls the command line."""
    assert __version__ == metadata("tdm-seed")["Version"]
    (program,) = entry_points(group="console_scripts", name="tdm-seed")
    assert "tdm_seed.cli:main" == program.value
