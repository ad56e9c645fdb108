"""What is read from a Python seed without running it."""

from __future__ import annotations

import pytest

from tdm_seed.errors import SeedError
from tdm_seed.revisions.headers import Header, check
from tdm_seed.revisions.python_source import read_python
from tdm_seed.values import Mode, Transaction

UPGRADE = "def upgrade(db): ...\n"
DIALECTS = ("postgresql", "mysql")


def header(text: str) -> Header:
    """Read the checked header of a Python seed."""
    return check(read_python(text + UPGRADE, "a.py").given, file="a.py", known_dialects=DIALECTS)


def test_fields_are_literals_of_the_module() -> None:
    """Plain and annotated assignments, lists and tuples."""
    expected = Header(
        depends_on=("b", "c"),
        mode=Mode.ONCE,
        transaction=Transaction.NONE,
        data=("x.csv",),
        data_line=4,
        labels=("smoke",),
        dialects=("mysql",),
    )
    text = (
        'depends_on: list[str] = ["b", "c", "b"]\n'
        'mode = "once"\ntransaction = "none"\ndata = ("x.csv",)\nlabels = ["smoke"]\ndialects = ["mysql"]\n'
        "requires_schema = None\n"
    )
    assert expected == header(text)


def test_names_of_the_author_are_left_alone() -> None:
    """Constants, private names, and whatever functions bind."""
    text = (
        "DATA = [1]\nMODE = 2\n_label = 3\ndate = 4\nmodel = 5\nrows = [x for data in ()]\n"
        "class Row:\n    mode = 1\n"
        "def prepare(db):\n    data = 1\n    transaction = 2\n"
        "schema_until: str\n"
    )
    assert Header() == header(text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\nmode = 'sometimes'\n", 2, "mode = 'sometimes': must be one of on_change, once, always"),
        ("mode = 'onchange'\n", 1, "Did you mean on_change or once?"),
        ("mode = ['once']\n", 1, "must be one of on_change, once, always"),
        ("transaction = 'chunks'\n", 1, "must be one of seed, chunk, none\n  Did you mean chunk?"),
        ("depends_on = 'a'\n", 1, 'must be a list of texts\n  Write depends_on = ["a"].'),
        ("depends_on = [1]\n", 1, "must be a list of texts"),
        ("depends_on = {'a'}\n", 1, "must be a list of texts"),
        ("depends_on = ['A b']\n", 1, "'A b' is not possible there"),
        ("labels = ['a b']\n", 1, "'a b' is not possible there"),
        ("requires_schema = 12\n", 1, "must be one Alembic revision, as text"),
        ("requires_schema = ''\n", 1, "must be one Alembic revision, as text"),
        ("schema_until = 'a b'\n", 1, "must be one Alembic revision, as text"),
        ("dialects = ['postgres']\n", 1, "there is no dialect 'postgres'; known are postgresql, mysql"),
        ("dialects = ['postgres']\n", 1, "Did you mean postgresql?"),
        ("data = ['/etc/passwd']\n", 1, "is not a path relative to the seed's folder"),
        ("data = ['a\\\\b.csv']\n", 1, "with forward slashes"),
        ("data = ['C:/b.csv']\n", 1, "is not a path relative"),
        ("import os\ndata = os.listdir()\n", 2, "data is a header field, read without running the file"),
        ("depends_on = ['a'] + ['b']\n", 1, "must be a literal"),
        ("mode = f'on{1}'\n", 1, "must be a literal"),
        ("depends_on = []\ndepends_on += ['a']\n", 2, "must be a literal"),
        ("mode, data = 'once', []\n", 1, "must be a literal"),
        ("if 1:\n    mode = 'once'\n", 1, "mode is a header field"),
        ("from x import labels\n", 1, "labels is a header field"),
        ("for data in []: pass\n", 1, "data is a header field"),
        ("mode = 'once'\nmode = 'always'\n", 2, "sets mode twice, first in line 1"),
        ("depends = ['a']\n", 1, "depends is no header field\n  Did you mean depends_on?"),
        ("label = ['a']\n", 1, "Did you mean labels? A name of your own may be _label or LABEL."),
        ("require_schema = 'a'\n", 1, "Did you mean requires_schema?"),
        ("moed = 'once'\n", 1, "Did you mean mode?"),
        ("dialect: str = 'mysql'\n", 1, "Did you mean dialects?"),
        ("x = (\n", 1, "is not valid Python: '(' was never closed"),
        ("def downgarde(db): ...\n", 1, "def downgarde would never be called\n  Did you mean downgrade?"),
        ("def upgrade(db): ...\n", 2, "defines upgrade twice, first in line 1"),
        ("async def verify(db): ...\n", 1, "verify is an async function"),
        ("def verify(): ...\n", 1, "verify must take one parameter, the database\n  Write `def verify(db):`."),
        ("def verify(db, other): ...\n", 1, "must take one parameter"),
        ("def verify(*, db): ...\n", 1, "must take one parameter"),
        ("def verify(db, *, other): ...\n", 1, "must take one parameter"),
        ("def run(db): ...\nupgrade = run\n", 2, "upgrade is given a value"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, words: str) -> None:
    """File, line, what is wrong and what was probably meant."""
    with pytest.raises(SeedError) as raised:
        header(text)
    assert ("a.py", line) == (raised.value.place.file, raised.value.place.line)
    assert words in str(raised.value)


@pytest.mark.parametrize("text", ["", "def run(db): ...\n", "from x import upgrade\n"])
def test_a_seed_needs_its_own_upgrade(text: str) -> None:
    """A function of the file, told how to write it."""
    with pytest.raises(SeedError, match=r"a.py: has no function upgrade\n  Write `def upgrade\(db\):`"):
        read_python(text, "a.py")


@pytest.mark.parametrize(
    "signature", ["db", "database, /", "db, _more=1", "*databases", "db, *, dry=False", "db=None, **more"]
)
def test_any_function_that_can_be_called_with_the_database_will_do(signature: str) -> None:
    """What counts is the call with one argument, not the name of the parameter."""
    source = read_python(f"def upgrade({signature}): ...\ndef verify(db): ...\n", "a.py")
    assert frozenset({"upgrade", "verify"}) == source.functions


def test_a_nul_byte_is_no_python() -> None:
    """Python 3.11 reports it without a line."""
    with pytest.raises(SeedError, match=r"a\.py:2: is not valid Python: it holds a NUL character"):
        read_python("\nx = '\0'", "a.py")
