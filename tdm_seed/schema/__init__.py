"""The tables of a database as they are: reflected, never taken from the application's models."""

from tdm_seed.schema.keys import default_key, foreign_keys, unique_keys
from tdm_seed.schema.order import load_order
from tdm_seed.schema.tables import Schema

__all__ = ["Schema", "default_key", "foreign_keys", "load_order", "unique_keys"]
