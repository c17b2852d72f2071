"""Checks of what a worker left: the evidence, and the verdict on it. `references/validation.md` tells the rules."""
