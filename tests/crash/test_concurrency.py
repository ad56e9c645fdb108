"""Several runs at once take turns, and a run that loses its lock stops."""
