"""The demo: a scratch repository, a task graph, and a worker that needs no model."""
