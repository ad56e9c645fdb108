"""What databases refuse: a sentence with table and column, a hint, and nothing else."""

from __future__ import annotations
