"""The house stays in order: floors, sizes, names, and what the package shows to the outside."""

from __future__ import annotations

import ast
import io
import re
import shutil
import statistics
import subprocess
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import tdm_seed

CHECKOUT = Path(__file__).parents[2]
PACKAGE = Path(tdm_seed.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
#: Where the names of database products may stand, and nowhere else.
DATABASES_AT_HOME = ("dialects/", "testing/")
DATABASES = re.compile(r"sqlite|postgres|psycopg|mysql|maria_?db|duckdb|oracle|mssql|\bpg_|\bgalera\b", re.IGNORECASE)
VAGUE = re.compile(r"(^|_)(managers?|helpers?|utils?|common|handlers?|misc|tools?)(_|$)")


def name(module: Path) -> str:
    """Name a module as a person would."""
    return module.relative_to(PACKAGE).as_posix()


def test_modules_import_from_lower_floors_only() -> None:
    """As the contract in pyproject.toml says."""
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    if not program.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [program, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_no_module_is_too_long() -> None:
    """400 lines at most, and half of them no longer than 180."""
    lengths = {name(module): module.read_text(encoding="utf-8").count("\n") for module in MODULES}
    assert {} == {module: length for module, length in lengths.items() if length > 400}
    assert statistics.median(lengths.values()) <= 180


def test_every_module_says_in_one_line_what_it_is_for() -> None:
    """That line is a sentence and its docstring's only one, the package's own excepted."""
    for module in MODULES:
        docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
        assert docstring, f"{name(module)} has no docstring"
        assert "\n" not in docstring, f"{name(module)}: the docstring has several lines"
        assert docstring.endswith("."), f"{name(module)}: {docstring}"


def test_no_module_is_called_after_nothing_in_particular() -> None:
    """A catch-all catches all."""
    assert [] == [name(module) for module in MODULES if VAGUE.search(module.stem)]


@pytest.mark.parametrize("module", [m for m in MODULES if not name(m).startswith(DATABASES_AT_HOME)], ids=name)
def test_databases_are_named_under_dialects_only(module: Path) -> None:
    """In code and in texts; docstrings and comments may name them as examples."""
    assert [] == [f"{line}: {word}" for line, word in _words(module) if DATABASES.search(word)]


#: What people must be able to read in a message, with the reason why it cannot come from a dialect.
EXAMPLES = ("sqlite:///dev.db",)


def _words(module: Path) -> Iterator[tuple[int, str]]:
    """Give the names and texts of a module with their lines, docstrings and comments left out."""
    source = module.read_text(encoding="utf-8")
    docstrings = {
        node.body[0].lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and ast.get_docstring(node, clean=False) is not None
    }
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.NAME, tokenize.STRING) or token.start[0] in docstrings:
            continue
        text = token.string
        for example in EXAMPLES:
            text = text.replace(example, "")
        yield token.start[0], text


def test_the_package_shows_a_dozen_names_at_most() -> None:
    """Each of them there, and each found when it is first used."""
    assert len(tdm_seed.__all__) <= 12
    assert sorted(tdm_seed.__all__) == tdm_seed.__all__
    for public in tdm_seed.__all__:
        assert getattr(tdm_seed, public) is not None
    assert set(tdm_seed.__all__) <= set(dir(tdm_seed))
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = tdm_seed.Nonsense


def test_the_package_tells_checkers_that_it_is_typed() -> None:
    """Also in the wheel."""
    assert (PACKAGE / "py.typed").is_file()


def test_nothing_in_the_repository_speaks_of_where_it_was_made() -> None:
    """No path of a machine, no host of a package index, nothing left to do without an issue."""
    if shutil.which("git") is None or not (CHECKOUT / ".git").exists():
        pytest.skip("this is no clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True
    ).stdout.splitlines()
    assert listed
    wrong = re.compile(
        r"/(?:ho" r"me/(?!you\b)\w+|ro" r"ot/|wo" r"rk/)|py" r"pi\.org|pythonho" r"sted|TO" r"DO|FIX" r"ME"
    )
    found = []
    for path in listed:
        file = CHECKOUT / path
        if file.suffix in (".csv", ".gz") or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := wrong.search(line):
                found.append(f"{path}:{number}: {match[0]}")
    assert [] == found


def test_the_installed_wheel_is_what_is_tested() -> None:
    """Where tox says that it has installed one, the checkout must not stand in front of it."""
    import os

    if os.environ.get("TDM_SEED_INSTALLED") != "1":
        pytest.skip("no wheel is installed: run by tox")
    assert Path(sysconfig.get_path("purelib")) / "tdm_seed" == PACKAGE
