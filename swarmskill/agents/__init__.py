"""How each agent program is called and read."""
