"""The tables of a database as they are: reflected, never taken from the application's models."""

from tdm_seed.schema.keys import Reference, default_key, references, self_references, unique_keys
from tdm_seed.schema.tables import Schema

__all__ = [
    "Reference",
    "Schema",
    "default_key",
    "references",
    "self_references",
    "unique_keys",
]
