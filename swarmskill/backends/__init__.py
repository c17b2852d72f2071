"""How workers are spawned and watched."""
