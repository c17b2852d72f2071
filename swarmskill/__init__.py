"""Run a task graph with many coding agents at once, and commit only what passed its checks."""

__version__ = "0.1.0"
