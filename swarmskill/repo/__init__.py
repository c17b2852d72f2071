"""The user's git repository: worktrees, changes, integration, landing. The only place that runs git."""
