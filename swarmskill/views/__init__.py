"""What a person or program sees: pure functions from tasks, graph and state to text and JSON."""
