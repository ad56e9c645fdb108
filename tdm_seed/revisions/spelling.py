"""What a misspelt word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, words: Iterable[str], *, cutoff: float = 0.6) -> tuple[str, ...]:
    """Return up to three of ``words`` that are spelt like ``word``, the likeliest first."""
    import difflib  # only mistakes pay for it

    return tuple(difflib.get_close_matches(word, sorted(set(words)), n=3, cutoff=cutoff))


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    """Return the sentence that proposes the closest words, or None where nothing is close."""
    found = closest(word, words)
    return f"Did you mean {' or '.join(found)}?" if found else None
