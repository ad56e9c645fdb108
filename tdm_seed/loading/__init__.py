"""Bringing rows into tables: sources, conversion, the one upsert algorithm, appending and deleting."""
