"""Repositories as they are: a run works in each, or is refused before the start with the reason and the fix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.real.hostile.conftest import FILES
from tests.real.hostile.field import Field, Told, task

ONE = task("one", "echo one > one.txt; echo 4 >> a.txt")
TWO = task("two", "cat one.txt > two.txt", blockedBy=["one"])
SIDE = task("side", "echo c >> src/c.py")


def works(field: Field, *, cwd: Path | None = None, landed: bool = True) -> Told:
    """Three tasks, one merge of them at least; the user's files follow and nothing else is changed."""
    before = field.status()
    told = field.run(ONE, TWO, SIDE, cwd=cwd)
    assert told.code == 0, told
    assert set(told.outcomes.values()) == {"completed"}
    assert field.content(told.document, "two.txt") == "one"
    assert (told.document["landed"] == told.document["head"]) is landed, told
    if landed:
        assert field.git("rev-parse", "HEAD") == told.document["head"]
        assert field.status() == before
    cleaned = field.swarm("clean", cwd=cwd)
    assert cleaned.code == 0, cleaned
    assert not (field.top / ".swarm" / "worktrees").exists()
    return told


# Refused before the start


def test_no_repository(bare_field: Field) -> None:
    assert "git init" in bare_field.refused(ONE).err


def test_no_commit_yet(bare_field: Field) -> None:
    bare_field.git("init", "-q")
    bare_field.write("a.txt", "x\n")
    assert "no commit yet" in bare_field.refused(ONE).err


def test_a_bare_repository(field: Field) -> None:
    field.git("clone", "-q", "--bare", ".", str(field.tmp / "bare.git"))
    told = field.refused(ONE, cwd=field.tmp / "bare.git")
    assert "bare" in told.err
    assert "git worktree add" in told.err


def test_a_checkout_that_was_called_bare_by_mistake(field: Field) -> None:
    field.git("config", "core.bare", "true")
    assert "git config core.bare false" in field.refused(ONE).err


def test_inside_the_git_folder(field: Field) -> None:
    assert "run it in the checkout" in field.refused(ONE, cwd=field.top / ".git").err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_git_does_not_trust(field: Field) -> None:
    for folder in (field.top, field.top / ".git"):
        os.chown(folder, 1, 1)
    told = field.refused(ONE)
    assert "another user owns it" in told.err
    assert "safe.directory" in told.err


def test_an_unknown_user(field: Field) -> None:
    (field.tmp / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    assert "git config --global user.name" in field.refused(ONE).err


def test_a_configuration_that_git_cannot_read(field: Field) -> None:
    config = field.top / ".git" / "config"
    text = config.read_text()
    config.write_text(text + "[broken\n")
    told = field.swarm("run", str(field.tmp / "none.json"))
    config.write_text(text)
    assert told.code in (1, 2)
    assert "Traceback" not in told.err


# Works


def test_a_detached_head(field: Field) -> None:
    field.git("checkout", "-q", "--detach")
    told = works(field, landed=False)
    assert "HEAD was detached" in told.err
    field.git("merge", "-q", "--ff-only", told.document["branch"])


def test_a_shallow_clone(field: Field) -> None:
    for number in range(3):
        field.commit({"n.txt": f"{number}\n"})
    _clone(field, "--depth=1")
    works(field)


def test_a_partial_clone(field: Field) -> None:
    field.git("config", "uploadpack.allowFilter", "true")
    field.commit({"a.txt": "1\n2\n3\nmore\n"})
    _clone(field, "--filter=blob:none")
    works(field)


def test_a_sparse_checkout(field: Field) -> None:
    field.commit({"far/away.txt": "far\n", "near/by.txt": "near\n"})
    field.git("sparse-checkout", "set", "--cone", "src", "near")
    told = works(field)
    assert "far/away.txt" in field.tree(told.document)
    assert not (field.top / "far").exists()


def test_a_worker_that_writes_outside_the_sparse_cone(field: Field) -> None:
    field.commit({"far/away.txt": "far\n"})
    field.git("sparse-checkout", "set", "--cone", "src")
    told = field.run(task("w", "mkdir -p far; echo new > far/new.txt; echo 4 >> a.txt"))
    assert told.outcomes == {"w": "completed"}
    assert field.tree(told.document).keys() >= {"far/away.txt", "far/new.txt"}


def test_submodules(field: Field) -> None:
    field.git("clone", "-q", ".", str(field.tmp / "lib"))
    field.git("submodule", "--quiet", "add", str(field.tmp / "lib"), "lib")
    field.commit()
    told = works(field)
    assert field.tree(told.document)["lib"].startswith("160000")


def test_filters_in_the_way_of_lfs(field: Field) -> None:
    (field.tmp / "clean").write_text(
        '#!/bin/sh\nf="$HOME/store-$$"; cat > "$f"; h=$(sha1sum < "$f" | cut -c1-40)\nmv "$f" "$HOME/$h"; echo "pointer $h"\n'
    )
    (field.tmp / "smudge").write_text('#!/bin/sh\nread word h; cat "$HOME/$h"\n')
    for name in ("clean", "smudge"):
        (field.tmp / name).chmod(0o755)
        field.git("config", f"filter.big.{name}", str(field.tmp / name))
    field.git("config", "filter.big.required", "true")
    field.commit({".gitattributes": "*.big filter=big\n", "x.big": "large content\n"})
    told = field.run(task("reads", "cat x.big > y.big; grep large y.big"), SIDE)
    assert told.outcomes == {"reads": "completed", "side": "completed"}, told
    assert field.content(told.document, "y.big").startswith("pointer ")
    assert (field.top / "y.big").read_text() == "large content\n"
    assert field.status() == ""


def test_a_required_filter_that_fails_is_told(field: Field) -> None:
    field.commit({".gitattributes": "*.big filter=big\n"})
    field.git("config", "filter.big.clean", "false")
    field.git("config", "filter.big.required", "true")
    told = field.run(task("bad", "echo x > x.big"), SIDE)
    assert told.outcomes == {"bad": "rejected", "side": "completed"}, told
    assert "filter" in told.detail("bad")


def test_hooks_that_fail(field: Field) -> None:
    hooks = field.tmp / "hooks"
    hooks.mkdir()
    for name in (
        "pre-commit",
        "commit-msg",
        "post-checkout",
        "reference-transaction",
        "pre-merge-commit",
        "post-merge",
    ):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} >> {field.tmp}/ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    field.git("config", "core.hooksPath", str(hooks))
    told = field.run(ONE, SIDE)
    assert told.code == 0, told
    assert (field.tmp / "ran").read_text() == "post-merge\n"


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_commits_are_signed_as_the_users_are(field: Field) -> None:
    key = field.tmp / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (field.tmp / "signers").write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "commit.gpgSign": "true",
        "gpg.ssh.allowedSignersFile": str(field.tmp / "signers"),
    }.items():
        field.git("config", name, value)
    told = works(field)
    signs = field.git("log", "--format=%G?", f"{told.document['base']}..{told.document['head']}").split()
    assert signs == ["G"] * 3


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_a_key_that_does_not_sign_ends_the_run_in_order(field: Field) -> None:
    field.git("config", "gpg.format", "ssh")
    field.git("config", "user.signingKey", str(field.tmp / "none"))
    field.git("config", "commit.gpgSign", "true")
    with field.running(ONE) as going:
        out, err = going.process.communicate(timeout=60)
    assert going.process.returncode == 1
    assert "unlock your signing key" in out, (out, err)
    field.git("config", "commit.gpgSign", "false")
    told = field.swarm("resume", "--json")
    field.check(told)
    assert told.outcomes == {"one": "completed"}, told


def test_a_linked_worktree_as_the_users_checkout(field: Field) -> None:
    field.git("worktree", "add", "-q", "-b", "work", str(field.tmp / "work"))
    main = field.git("rev-parse", "main")
    field.top = field.tmp / "work"
    works(field)
    assert field.git("rev-parse", "main") == main


def test_settings_per_worktree(field: Field) -> None:
    field.git("config", "extensions.worktreeConfig", "true")
    field.git("worktree", "add", "-q", "-b", "work", str(field.tmp / "work"))
    field.top = field.tmp / "work"
    field.git("config", "--worktree", "user.name", "Grace")
    told = works(field)
    assert field.git("log", "-1", "--format=%an", told.document["head"]) == "Grace"


NAMES = [
    "with space",
    "-dash",
    "quo'te\"d",
    "emoji 🐝",
    "new\nline",
    "tab\there",
    os.fsdecode(b"latin-\xe9"),
    ":(top)x",
    "~",
    "*",
]


def test_odd_names_of_files(field: Field) -> None:
    for name in NAMES:
        field.write(f"odd/{name}", "before\n")
    field.commit()
    script = 'cd odd; for f in ./*; do echo after > "$f"; done; cp ./-dash "./-copy of $(printf "\\351")"; cd ..; echo 4 >> a.txt'
    told = field.run(task("w", script), SIDE)
    assert told.outcomes == {"w": "completed", "side": "completed"}, told
    assert field.tree(told.document).keys() >= {f"odd/{name}" for name in [*NAMES, os.fsdecode(b"-copy of \xe9")]}
    assert (field.top / "odd" / os.fsdecode(b"latin-\xe9")).read_text() == "after\n"
    assert field.status() == ""


@pytest.mark.parametrize(
    "name", ["my repo", "-dash", "ünïcode 🐝", "quo'te", os.fsdecode(b"latin-\xe9"), "per%cent", "[a]*?"]
)
def test_odd_names_of_the_repository(bare_field: Field, name: str) -> None:
    bare_field.top = bare_field.tmp / name
    bare_field.top.mkdir()
    bare_field.git("init", "-q")
    bare_field.commit(FILES)
    works(bare_field)


def test_a_newline_in_the_name_of_the_repository_is_refused(bare_field: Field) -> None:
    bare_field.top = bare_field.tmp / "new\nline"
    bare_field.top.mkdir()
    bare_field.git("init", "-q")
    bare_field.commit(FILES)
    assert "newline" in bare_field.refused(ONE).err


@pytest.mark.parametrize("setting", ["autocrlf", "attributes"])
def test_line_ends(field: Field, setting: str) -> None:
    if setting == "autocrlf":
        field.git("config", "core.autocrlf", "true")
    else:
        field.commit({".gitattributes": "*.txt text eol=crlf\n"})
    shutil.rmtree(field.top / "src")
    for name in ("a.txt", "b.txt"):
        (field.top / name).unlink()
    field.git("checkout", "-q", ".")
    told = field.run(task("w", r"printf 'x\r\n' >> a.txt; printf 'n\r\n' > n.txt; grep -c . a.txt"), SIDE)
    assert told.outcomes == {"w": "completed", "side": "completed"}, told
    assert field.content(told.document, "a.txt") == "1\n2\n3\nx"
    assert (field.top / "n.txt").read_bytes() == b"n\r\n"
    assert field.status() == ""


def test_names_that_differ_in_case_where_the_file_system_folds_them(field: Field) -> None:
    field.git("config", "core.ignorecase", "true")
    go = "touch $MARKS/$SWARM_TASK_ID; until [ -e $MARKS/up ] && [ -e $MARKS/low ]; do sleep 0.02; done; "
    told = field.run(task("up", go + "echo u > Read.txt"), task("low", go + "echo l > read.txt"))
    # A file system that folds them would show the second worker one file; this one keeps both from git's view.
    assert sorted(told.outcomes.values())[0] == "completed", told
    assert "does not merge with the run branch: read.txt" in told.err or "Read.txt" in told.err
    assert len({"Read.txt", "read.txt"} & field.tree(told.document).keys()) == 1


def test_sha256(bare_field: Field) -> None:
    bare_field.git("init", "-q", "--object-format=sha256")
    bare_field.commit(FILES)
    told = works(bare_field)
    assert len(told.document["head"]) == 64


def test_reftable(bare_field: Field) -> None:
    done = subprocess.run(
        ["git", "init", "-q", "--ref-format=reftable"],
        cwd=bare_field.top,
        env=bare_field.environment(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("this git has no reftable")
    bare_field.commit(FILES)
    works(bare_field)


def test_packed_refs_and_a_branch_with_a_slash(field: Field) -> None:
    field.git("checkout", "-q", "-b", "feature/ünder/way")
    field.git("gc", "-q")
    works(field)


def test_a_branch_called_swarm_is_in_the_way(field: Field) -> None:
    field.git("branch", "swarm")
    told = field.refused(ONE)
    assert "git branch -m swarm swarm-old" in told.err


def test_from_a_folder_below_the_top(field: Field) -> None:
    works(field, cwd=field.top / "src")


def test_a_tracked_swarm_folder(field: Field) -> None:
    field.commit({".swarm/notes.md": "mine\n"})
    told = works(field)
    assert field.content(told.document, ".swarm/notes.md") == "mine"


def test_git_variables_of_the_caller_lead_nowhere(field: Field) -> None:
    field.git("init", "-q", str(field.tmp / "other"))
    told = field.run(ONE)
    assert told.code == 0
    field.variables = {"GIT_DIR": str(field.tmp / "other" / ".git"), "GIT_INDEX_FILE": str(field.tmp / "index")}
    told = field.swarm("status", "--json")
    assert told.code == 0, told
    assert not (field.tmp / "index").exists()


@pytest.mark.slow
def test_a_hundred_thousand_files(bare_field: Field, capsys: pytest.CaptureFixture[str]) -> None:
    bare_field.git("init", "-q")
    files = "".join(f"M 100644 :1 d{n // 1000}/e{n // 100 % 10}/f{n}\n" for n in range(100_000))
    stream = f"blob\nmark :1\ndata 2\nx\n\ncommit refs/heads/main\ncommitter Ada <ada@example.com> 0 +0000\ndata 5\nstart\n{files}\n"
    bare_field.git("fast-import", "--quiet", stdin=stream)
    bare_field.git("checkout", "-q", "-f", "main")
    start = time.monotonic()
    told = bare_field.run(task("one", "echo 1 > d0/e0/f1"), task("two", "echo 2 > d99/e9/f99999"))
    seconds = time.monotonic() - start
    assert told.outcomes == {"one": "completed", "two": "completed"}, told
    with capsys.disabled():
        print(f"\n100 000 files, two tasks: {seconds:.1f} s", file=sys.stderr)


def _clone(field: Field, *options: str) -> None:
    target = field.tmp / "clone"
    field.git("clone", "-q", *options, f"file://{field.top}", str(target))
    field.top = target
