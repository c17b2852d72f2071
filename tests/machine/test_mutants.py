"""Every mutant of the core is killed by the stories or the machine. That takes half an hour: run with `-m mutants`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machine.mutants import MUTANTS, ROOT, Mutant, killers


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_text_that_a_mutant_replaces_is_still_there(mutant: Mutant) -> None:
    source = ROOT / Path("swarmskill", "core", f"{mutant.file}.py")
    assert source.read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new


@pytest.mark.mutants
def test_an_unchanged_copy_passes() -> None:
    assert list(killers(None)) == []


@pytest.mark.mutants
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed(mutant: Mutant) -> None:
    assert next(killers(mutant), None), f"nobody noticed that {mutant.name}"
