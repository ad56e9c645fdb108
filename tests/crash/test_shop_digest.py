"""The shop is the same on every database and in every process environment."""
