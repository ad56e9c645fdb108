"""What a seed raises, as a sentence that names the seed and the line of the author's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tdm_seed.database import Database
from tdm_seed.engine.session import Session
from tdm_seed.errors import SeedError, TdmSeedError, VerificationFailed
from tdm_seed.revisions import where
from tdm_seed.revisions.spelling import did_you_mean
from tdm_seed.values import Seed


@contextmanager
def seed_errors(session: Session, seed: Seed) -> Iterator[None]:
    """Turn whatever a seed raises into an error with its place; what ends the program passes through.

    Raises:
        TdmSeedError: in place of every other exception.
    """
    root = session.environment.project.root

    def place(error: BaseException) -> dict[str, Any]:
        found = where(error, seed)
        path, line = found if found else (seed.path, None)
        return {"file": path.relative_to(root) if path.is_relative_to(root) else path, "line": line}

    try:
        yield
    except TdmSeedError as error:
        raise error.located(seed=seed.revision, **place(error)) from error.__cause__
    except session.dialect.driver_errors as error:
        translated = session.dialect.translate_error(error)
        raise translated.located(seed=seed.revision, **place(error)) from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise SeedError(text, hint=_remedy(error), seed=seed.revision, **place(error)) from error


def _remedy(error: Exception) -> str:
    """Say what to do about what the author's own code raised."""
    if isinstance(error, AttributeError) and isinstance(error.obj, Database):
        has = [name for name in dir(Database) if not name.startswith("_")]
        return did_you_mean(str(error.name), has) or f"What a seed is handed has {', '.join(has)}."
    return "Correct the seed; `-v` shows the whole stack."


@contextmanager
def verifying(seed: Seed) -> Iterator[None]:
    """Make a plain ``assert`` of a seed's verify a failed verification, with the assertion's own text.

    Raises:
        VerificationFailed: in place of an AssertionError.
    """
    try:
        yield
    except AssertionError as error:
        found = where(error, seed)
        text = str(error)
        if not text and found:
            text = found[0].read_text(encoding="utf-8-sig").splitlines()[found[1] - 1].strip()
        raise VerificationFailed(text or "an assertion failed", line=found[1] if found else None) from error
