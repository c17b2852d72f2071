"""Task lists of other tools, as they are read."""
