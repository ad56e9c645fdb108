"""A new seed: its time, its name and the text it begins with. Nothing is written here."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.loading.sources import RowsFile
from tdm_seed.revisions.resolve import find
from tdm_seed.revisions.sql_source import read_sql
from tdm_seed.values import Kind, Layer, Seed

#: Longer names are cut between two words: a person must be able to type one.
_LONGEST = 60
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "ae", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d"})

_REFERENCE = """\
def upgrade(db):
    # Say what is to be there. Rows that differ are updated, equal ones are left alone:
    # db.upsert("{table}", [{{"code": "DE", "name": "Germany"}}], key="code")
    # db.upsert("{table}", db.csv(), key="code")    # those of a CSV file with this file's name
    pass
"""

_SCENARIO = """\
def upgrade(db):
    # As many rows as the environment's [volumes] say, 10 where they do not, and the same ones every time:
    # db.load("{table}", ({{"id": i, "price": db.random.randint(1, 500)}} for i in db.range("{table}", 10)))
    pass
"""

_VERIFY = """\
def verify(db):
    # db.expect("SELECT count(*) FROM {table}", at_least=1)
    pass
"""

_SQL = """\
-- Rows that are there already are left alone, so that this may run any number of times.
-- INSERT INTO {table} (code, name)
-- SELECT 'DE', 'Germany'
-- WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE code = 'DE');
SELECT 1;

-- tdm-seed: verify
-- SELECT count(*) = 1 FROM {table} WHERE code = 'DE';
SELECT 1 = 1;
"""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be made; ``content`` is its text, or the file that it is a copy of."""

    path: Path
    content: str | Path


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new seed is to be.

    ``depends_on`` names seeds by any unique part, ``details`` is a second paragraph below the message. Where
    ``requires_schema`` is None, ``heads`` are the revisions that its author will have to choose among. ``data`` is the
    CSV file that makes it a data seed; ``table`` is the seed's name unless given.
    """

    message: str
    layer: Layer
    kind: Kind = Kind.PYTHON
    depends_on: tuple[str, ...] = ()
    requires_schema: str | None = None
    heads: tuple[str, ...] = ()
    table: str | None = None
    data: Path | None = None
    details: str = ""


def compose(draft: Draft, folder: Path, seeds: Sequence[Seed], when: datetime) -> tuple[Seed, tuple[NewFile, ...]]:
    """Give the new seed, without a checksum yet, and its files below the seeds ``folder``.

    Its time is ``when`` in UTC, or the next minute that no seed has, so that seeds made in one minute keep their order.

    Raises:
        UsageError: the message gives no name, or one that another seed has; an unknown dependency, or one that a
            reference seed may not have.
        SeedError: the data is no CSV, with its line.
    """
    message = _printable(draft.message)
    name = _name(message, seeds)
    if draft.table is not None and not (draft.table.strip() and draft.table.isprintable()):
        raise UsageError(f"{draft.table!r} is not the name of a table")
    seed = Seed(
        revision=f"{_stamp(seeds, when)}_{name}",
        name=name,
        layer=draft.layer,
        kind=draft.kind,
        path=folder / draft.layer,
        group="",
        checksum="",
        depends_on=tuple(_needed(draft.layer, seeds, text) for text in draft.depends_on),
        requires_schema=draft.requires_schema,
    )
    files = tuple(_files(draft, seed, message))
    return replace(seed, path=files[0].path), files


def _files(draft: Draft, seed: Seed, message: str) -> Iterator[NewFile]:
    """Give the files of a seed, its data or script first."""
    stem, table = seed.path / seed.revision, draft.table or seed.name
    if draft.kind is Kind.DATA:
        assert draft.data is not None
        yield NewFile(stem.with_name(f"{stem.name}.csv"), _checked(draft.data))
        if options := _options(draft, seed, message):
            yield NewFile(stem.with_name(f"{stem.name}.toml"), options)
    elif draft.kind is Kind.SQL:
        yield NewFile(stem.with_name(f"{stem.name}.sql"), _sql(draft, seed, message, table))
    else:
        yield NewFile(stem.with_name(f"{stem.name}.py"), _python(draft, seed, message, table))


def _python(draft: Draft, seed: Seed, message: str, table: str) -> str:
    details = f"\n\n{_escaped(draft.details)}\n" if draft.details else ""
    header = [f"{line}\n" for line in _fields(draft, seed)]
    upgrade = _REFERENCE if draft.layer is Layer.REFERENCE else _SCENARIO
    parts = (upgrade.format(table=table), _VERIFY.format(table=table))
    docstring = f'"""{_escaped(_sentence(message))}{details}"""\n'
    return "\n\n".join(("\n".join((docstring, "".join(header))) if header else docstring, *parts))


def _sql(draft: Draft, seed: Seed, message: str, table: str) -> str:
    header = [f"-- {_comment(_sentence(message))}"]
    if seed.depends_on:
        header.append(f"-- depends_on: {', '.join(seed.depends_on)}")
    if seed.requires_schema:
        header.append(f"-- requires_schema: {seed.requires_schema}")
    elif draft.heads:
        header += ["", f"-- Which of Alembic's heads it requires is open ({', '.join(draft.heads)})."]
    return "\n".join((*header, "", _SQL.format(table=table)))


def _options(draft: Draft, seed: Seed, message: str) -> str:
    """Write the TOML file beside the data, or nothing where the data says it all."""
    table = [f"table = {_quoted(draft.table)}"] if draft.table and draft.table != seed.name else []
    lines = table + list(_fields(draft, seed))
    return "\n".join((f"# {_sentence(message)}", *lines, "")) if lines else ""


def _fields(draft: Draft, seed: Seed) -> Iterator[str]:
    """Write the header fields as both Python and TOML read them."""
    if seed.depends_on:
        yield f"depends_on = [{', '.join(map(_quoted, seed.depends_on))}]"
    if seed.requires_schema:
        yield f"requires_schema = {_quoted(seed.requires_schema)}"
    elif draft.heads:
        first, *others = map(_quoted, draft.heads)
        yield f"# requires_schema = {first}" + (f"    # or {' or '.join(others)}" if others else "")


def _checked(data: Path) -> Path:
    """Read the whole file once, since a mistake in it is best told before it is a seed."""
    if data.suffix.lower() != ".csv":
        raise UsageError(f"{data} is no CSV file", hint="Its name must end in .csv.")
    try:
        for _ in RowsFile(data, str(data)).numbered():
            pass
    except OSError as error:
        hint = "Its path counts from where the command is run."
        raise UsageError(f"cannot be read: {error.strerror}", hint=hint, file=data) from error
    return data


def _name(message: str, seeds: Sequence[Seed]) -> str:
    plain = unicodedata.normalize("NFKD", message.translate(_LETTERS)).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if len(name) > _LONGEST:
        name = name[: _LONGEST + 1].rpartition("_")[0] or name[:_LONGEST]
    if not name:
        raise UsageError(
            f"the message {message!r} gives the seed no name",
            hint="Begin it with a word in Latin letters; the text inside the file may be any.",
        )
    for seed in seeds:
        if seed.name == name:
            raise UsageError(
                f"the name {name} is taken by {seed.revision}",
                hint="A name is unique in the project. Change that seed, or say with other words what is new.",
            )
    return name


def _stamp(seeds: Sequence[Seed], when: datetime) -> str:
    taken = {seed.revision[:13] for seed in seeds}
    moment = when.astimezone(UTC)
    while (stamp := f"{moment:%Y%m%d_%H%M}") in taken:
        moment += timedelta(minutes=1)
    return stamp


def _needed(layer: Layer, seeds: Sequence[Seed], text: str) -> str:
    need = find(seeds, text)
    if layer is Layer.REFERENCE and need.layer is Layer.SCENARIO:
        raise UsageError(
            f"a reference seed cannot depend on {need.name}, which is a scenario",
            hint="Make it a scenario, too, or move the rows it needs into a reference seed.",
        )
    return need.name


def _printable(message: str) -> str:
    """Put a message on one line, without what no file can hold (arguments may be no UTF-8)."""
    text = " ".join(message.split()).encode("utf-8", "replace").decode()
    return "".join(letter for letter in text if letter.isprintable())


def _sentence(message: str) -> str:
    return message if unicodedata.category(message[-1])[0] in "PS" else f"{message}."


def _escaped(text: str) -> str:
    """Write a text so that it may stand between three quotes."""
    text = text.replace("\\", "\\\\")
    text = f'{text[:-1]}\\"' if text.endswith('"') else text
    return text.replace('"""', '\\"\\"\\"')


def _comment(sentence: str) -> str:
    """Put a sentence in quotes that a reader of SQL seeds would take for a field or a section."""
    try:
        source = read_sql(f"-- {sentence}\nSELECT 1;\n", "", ())
    except SeedError:
        return f'"{sentence}"'
    return f'"{sentence}"' if source.given or source.description != sentence else sentence


def _quoted(text: str) -> str:
    """Quote a text as both Python and TOML read it."""
    return json.dumps(text, ensure_ascii=False)
