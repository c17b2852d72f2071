"""Whoever is told that a task has ended: the list that it came from, or a program of the user's."""
