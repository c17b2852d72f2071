"""The mayor: drives a run by recording events, stepping the core and performing its effects."""
