"""Power that fails: a process is killed, and what it had not asked the disk to keep may be gone.

The model is of journalling file systems (ext4, XFS) that fail in these ways: A file that was
written and not synced (``os.fsync``) since is empty, cut short, of its right size with zeros in
place of its end or of all of it, or whole. A name made,
renamed or replaced is kept if the file or its folder was synced after that; otherwise it may be
there, with or without its data, or not: then what had the name before is back. Syncing a file or
folder keeps the folders above it. Deletions count as done. Which of these happens is drawn.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
from pathlib import Path
from unittest import mock

#: Where much hangs on what the disk has and has not: the moments to fail at.
CALLS = ("fsync", "replace", "rename")


@contextlib.contextmanager
def watched(journal: Path, last: int = 0):
    """Context in which every sync and every renaming gets a line in the journal, when it is done.

    Before number ``last`` of them, counted from 1, the process kills itself.
    """
    numbers = itertools.count(1)

    def noted(name, do):
        def wrapped(*args, **options):
            if next(numbers) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            do(*args, **options)
            line = _kept(args[0]) if name == "fsync" else {"call": name}
            with journal.open("a") as out:
                out.write(f"{json.dumps(line)}\n")

        return mock.patch.object(os, name, wrapped)

    with contextlib.ExitStack() as stack:
        for name in CALLS:
            stack.enter_context(noted(name, getattr(os, name)))
        yield


def _kept(file):
    """What is safe once a file or folder was synced."""
    handle = file if isinstance(file, int) else file.fileno()
    path, status = Path(os.readlink(f"/proc/self/fd/{handle}")), os.fstat(handle)
    kept = [(os.stat(each.parent).st_ino, each.name, os.stat(each).st_ino)
            for each in (path, *path.parents[:-1])]  # fmt: skip
    if path.is_dir():
        kept += [(status.st_ino, each.name, each.inode()) for each in os.scandir(path)]
    return {"data": (status.st_ino, status.st_mtime_ns, status.st_size), "names": kept}


def calls(journal: Path) -> list[dict]:
    """The lines of a journal."""
    return [json.loads(line) for line in journal.read_text().splitlines()] if (
        journal.exists()) else []  # fmt: skip


def fail(folder: Path, before: Path, journal: Path, rng: random.Random) -> str:
    """Take away what may be lost of a folder; returns what was, an empty text if nothing was.

    Parameters
    ----------
    folder : pathlib.Path
        As the killed process left it.
    before : pathlib.Path
        As it was, all synced.
    journal : pathlib.Path
        Of :func:`watched`.
    rng : random.Random
    """
    lines = [line for line in calls(journal) if "data" in line]
    data = {tuple(line["data"]) for line in lines}
    names = {tuple(name) for line in lines for name in line["names"]}
    lost = {"names": 0, "data": 0}
    for path in sorted(folder.rglob("*")):  # folders come before what is in them
        if not os.path.lexists(path):
            continue
        status, old = path.lstat(), before / path.relative_to(folder)
        if _as_before(path, status, old):
            continue
        entry = (path.parent.stat().st_ino, path.name, status.st_ino)
        if entry not in names and rng.random() < 0.5:
            lost["names"] += 1
            _put_back(path, old)
        elif path.is_file() and (status.st_ino, status.st_mtime_ns, status.st_size) not in data:
            length = rng.choice([0, rng.randrange(status.st_size + 1), status.st_size])
            lost["data"] += length < status.st_size
            os.truncate(path, length)
            if rng.random() < 0.5:
                os.truncate(path, status.st_size)  # what it lacks are zeros
    told = f"{lost['names']} names and the data of {lost['data']} files lost"
    return told if any(lost.values()) else ""


def _as_before(path, status, old):
    if path.is_dir():
        return old.is_dir()
    if not old.exists():
        return False
    there = old.stat()
    return (there.st_mtime_ns, there.st_size) == (status.st_mtime_ns, status.st_size)


def _put_back(path, old):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if old.is_file():
        shutil.copy2(old, path)
