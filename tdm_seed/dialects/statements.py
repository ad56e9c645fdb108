"""Telling SQL statements apart with sqlglot's tokenizers, which know each database's quotes and comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script.

    ``line`` is the line of its first word (1-based, in the script), ``verb`` that word in capitals (behind ``WITH``:
    the word that does the work), ``target`` the table it writes to, as written, or None.
    """

    text: str
    line: int
    verb: str
    target: str | None = None
    words: tuple[str, ...] = ()

    def gives(self, column: str) -> bool:
        """Tell whether an INSERT gives this column a value, as it does without naming columns; a guess by its words."""
        behind = self.words[self.words.index("INTO") + 1 :] if "INTO" in self.words else ()
        place = next((at for at, word in enumerate(behind) if word in _BEHIND_INTO), None)
        if place is not None:
            opened = behind[place] == "(" and behind[place + 1 : place + 2]
            if behind[place] not in ("(", "DEFAULT", "SET") or (opened and opened[0] in _BEHIND_INTO):
                return True
        return column.upper() in self.words

    def changes(self, count: int) -> Changes | None:
        """Give the changes that the database's one count stands for; a guess by the words, as above.

        None where it cannot tell them: rows are inserted, changed or removed at once, or by what is called.
        """
        pairs = set(pairwise(self.words))
        if (
            self.verb in _TELLING_LITTLE
            or not pairs.isdisjoint((("ON", "DUPLICATE"), ("DO", "UPDATE")))
            or (self.verb, "OR", "REPLACE") in zip(self.words, self.words[1:], self.words[2:], strict=False)
            or (self.words[0] == "WITH" and not pairs.isdisjoint(("(", verb) for verb in _COUNTED_AS))
        ):
            return None
        return Changes(**{_COUNTED_AS[self.verb]: count}) if self.verb in _COUNTED_AS else Changes()


_COUNTED_AS = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}
#: Verbs whose count is none of rows inserted, of rows updated, or of rows deleted.
_TELLING_LITTLE = ("REPLACE", "MERGE", "CALL", "DO", "COPY", "LOAD", "TRUNCATE")
#: What stands between the verb and the table that is written to.
_TARGET_BEHIND = {"INSERT": ("INTO",), "REPLACE": ("INTO",), "MERGE": ("INTO",), "DELETE": ("FROM",), "UPDATE": ()}
#: What may stand behind the table of an INSERT: the columns, or at once what they are given.
_BEHIND_INTO = ("(", "VALUES", "SELECT", "WITH", "TABLE", "DEFAULT", "SET")
#: Words that may stand between an UPDATE or INSERT and its table.
_NOISE = {"ONLY", "LOW_PRIORITY", "IGNORE", "OR", "ABORT", "FAIL", "ROLLBACK", "REPLACE", "DELAYED", "HIGH_PRIORITY"}


def split(sql: str, sqlglot_name: str) -> list[Statement]:
    """Split a script into statements, with the tokenizer of the named sqlglot dialect ("" for plain SQL).

    A splitter of our own would have to know dollar quotes, backslash escapes and nested comments of three databases;
    sqlglot does. Only its tokenizer is used: nothing is parsed, so any SQL that the database knows passes.

    Raises:
        SeedError: a quote or comment is never closed; ``line`` names where the script stops making sense.
    """
    from sqlglot import Dialect as SqlglotDialect
    from sqlglot.errors import TokenError

    tokenize = SqlglotDialect.get_or_raise(sqlglot_name or None).tokenize
    try:
        tokens = tokenize(sql)
    except TokenError as error:
        raise SeedError(
            "the SQL cannot be read: a quote, dollar quote or comment is never closed",
            line=sql.count("\n", 0, max(len(sql.rstrip()) - 1, 0)) + 1,
            hint="Look for the opening quote that has no partner.",
        ) from error
    return [_statement(sql, part, tokenize) for part in _parts(tokens)]


def _parts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Cut at semicolons, but not inside ``BEGIN ATOMIC … END`` or a trigger's ``BEGIN … END``."""
    part: list[Token] = []
    depth = 0
    for token in tokens:
        word = token.text.upper()
        if word == ";" and not depth:
            if part:
                yield part
            part = []
            continue
        part.append(token)
        if part[0].text.upper() == "CREATE":
            if word in ("BEGIN", "CASE"):
                depth += 1
            elif word == "END" and depth:
                depth -= 1
    if part:
        yield part


def _statement(sql: str, part: list[Token], tokenize: Callable[[str], list[Token]]) -> Statement:
    first, last = part[0], part[-1]
    text, source = sql[first.start : last.end + 1], sql
    if len(part) == 2 and part[1].text and text[len(first.text) :].strip() == part[1].text:
        # What sqlglot has no grammar for, such as MySQL's REPLACE, it gives as one token behind the verb.
        source = " " * len(first.text) + text[len(first.text) :]
        part = [first, *tokenize(source)]
    words = tuple(token.text.upper() for token in part)
    verb, at = words[0].split()[0], 0
    if verb in ("WITH", "EXPLAIN"):
        depth = 0
        for place, word in enumerate(words):
            depth += (word == "(") - (word == ")")
            if not depth and word in ("INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "SELECT"):
                verb, at = word, place
                break
    return Statement(
        text=text,
        line=sql.count("\n", 0, first.start) + 1,
        verb=verb,
        target=_target(source, part[at:], verb),
        words=words,
    )


def _target(sql: str, tokens: list[Token], verb: str) -> str | None:
    if verb not in _TARGET_BEHIND:
        return None
    place = 1
    while place < len(tokens) and (
        tokens[place].text.upper() in _NOISE or tokens[place].text.upper() in _TARGET_BEHIND[verb]
    ):
        place += 1
    if place >= len(tokens) or tokens[place].text == "(":
        return None
    end = place
    while end + 2 < len(tokens) and tokens[end + 1].text == "." and tokens[end + 1].end + 1 == tokens[end + 2].start:
        end += 2
    return sql[tokens[place].start : tokens[end].end + 1]
