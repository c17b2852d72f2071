"""The files that are shipped beside the code. Looks, but changes nothing."""

from __future__ import annotations

from pathlib import Path

from swarmskill.errors import InternalError

_PACKAGE = Path(__file__).resolve().parent


def skills_folder() -> Path:
    """The folder `skills`: inside the package when it was installed, beside it in a checkout.

    Raises InternalError when it is at neither place.
    """
    for folder in (_PACKAGE / "bundled" / "skills", _PACKAGE.parent / "skills"):
        if (folder / "swarm" / "agents" / "worker.md").is_file():
            return folder
    raise InternalError(
        f"the skill's files are missing beside {_PACKAGE}",
        hint="install swarmskill again; its package was put together without them",
    )
