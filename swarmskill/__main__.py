"""`python -m swarmskill` is `swarm`."""

from swarmskill.cli import main

if __name__ == "__main__":
    main()
