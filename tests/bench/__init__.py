"""What swarm costs, over yardsticks that are run in the same minutes: `python -m tests.bench`. Not part of the tests."""
