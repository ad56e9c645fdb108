"""Version the data that a schema needs."""

__version__ = "0.1.0"
