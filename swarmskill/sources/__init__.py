"""Where task lists come from: each kind is one module, and one line in `registry`."""
