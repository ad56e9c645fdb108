"""What a dialect raises when the database refuses one part of what it was sent."""

from __future__ import annotations


class StatementFailed(Exception):
    """A statement of a script was refused; ``line`` counts within the script, ``cause`` is the driver's exception."""

    def __init__(self, line: int | None, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.line = line
        self.cause = cause


class RowRefused(Exception):
    """A row given to ``Dialect.load`` was refused: ``place`` counts from 0, ``cause`` is the driver's exception.

    ``number`` is the one that the row came with, once that is known.
    """

    def __init__(self, place: int, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.place = place
        self.number: int | None = None
        self.cause = cause
