"""What of a changed swarm.toml a running run takes up, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

from swarmskill.mayor.reload import Reload


def _reload(top: Path, before: str, after: str) -> tuple[dict[str, object], list[str]]:
    """The limits that are changed, and what is said, when the file goes from one text to another."""
    said: list[str] = []
    (top / "swarm.toml").write_text(before)
    reload = Reload(top, top / "nobody", said.append)
    assert reload.take() == [], "nobody asked"
    (top / "swarm.toml").write_text(after)
    reload.ask()
    changes = reload.take()
    assert reload.take() == [], "it is asked for once"
    fields = ("max_workers", "max_cost", "deadline", "idle_timeout", "lifted")
    return {name: value for one in changes for name in fields if (value := getattr(one, name)) not in (None, ())}, said


def test_changed_limits_are_taken_up(tmp_path: Path) -> None:
    found = _reload(tmp_path, 'max_workers = 2\ndeadline = "1h"\n', 'max_workers = 3\ndeadline = "2h"\nmax_cost = 5\n')
    assert found == (
        {"max_workers": 3, "deadline": 7200.0, "max_cost": 5.0},
        ["reloaded: deadline, max_cost, max_workers"],
    )


def test_a_limit_that_is_gone_from_the_file_is_lifted_or_as_it_is_by_default(tmp_path: Path) -> None:
    found = _reload(tmp_path, 'max_workers = 2\nmax_cost = 5\nidle_timeout = "1m"\n', "")
    assert found[0] == {"max_workers": 5, "idle_timeout": 900.0, "lifted": ("max_cost",)}


def test_what_cannot_change_is_told(tmp_path: Path) -> None:
    assert _reload(tmp_path, "", "keep = true\n") == ({}, ["reloaded: keep will hold for the next run"])
    assert _reload(tmp_path, "keep = true\n", "keep = true\n") == ({}, ["reloaded: nothing has changed"])


def test_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    changed, said = _reload(tmp_path, "max_workers = 2\n", "max_workers = [\n")
    assert changed == {} and len(said) == 1
    assert said[0].startswith("not reloaded, the old settings hold on: ")
