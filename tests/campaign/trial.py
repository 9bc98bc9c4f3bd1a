"""A fault, its result, and a step that runs in a process of its own and may be disturbed there."""

import contextlib
import dataclasses
import hashlib
import os
import random
import re
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from tqdm import tqdm

#: Names of files that are being written, and those of locks: no results.
TEMPORARY = re.compile(r"^\..+-[a-z0-9_]{8}$")
#: Seconds after which a step counts as hanging.
LIMIT = 300


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is done, so many times: ``run`` takes the number of the try, returns what happened.

    With it may come a list of what was said of each of its inputs: a try may be of several. It
    raises AssertionError, with what happened, where the promise was broken.
    """

    kind: str
    what: str
    promise: str
    tries: int
    run: Callable[[int], str | tuple[str, list]]
    inputs: int = 1


class NotTried(Exception):
    """What could not be tried on this machine; the message says why."""


def drawn(once: Callable[[random.Random], str | None], seed: str, times: int = 20) -> str:
    """What happened at the first draw at which the fault met the step at all.

    Parameters
    ----------
    once : callable
        Takes a source of chance; None if the step had ended before the fault, or nothing of it
        was touched: that is drawn again, and never counts as survived.
    seed : str
    times : int
        After so many draws it counts as not tried.
    """
    for i in range(times):
        if (told := once(random.Random(f"{seed} {i}"))) is not None:
            return told
    raise NotTried(f"nothing happened in {times} draws")


@dataclasses.dataclass
class Child:
    """A process that was forked off to run a step."""

    pid: int
    log: Path
    status: int | None = None

    def kill(self, number: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def running(self) -> bool:
        """Whether it has not ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is None

    def wait(self, limit: float = LIMIT) -> int:
        """Its exit status; minus the signal that ended it."""
        deadline = time.monotonic() + limit
        while self.running():
            if time.monotonic() > deadline:
                self.kill(signal.SIGKILL)
                raise AssertionError(f"did not end within {limit} s; {self.said()}")
            time.sleep(0.002)
        return self.status

    def said(self) -> str:
        """The last line that it printed: where it failed, the error."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:700] if lines else "nothing said"


def fork(do: Callable[[], object], log: Path) -> Child:
    """Run a function in a child; returns when the child has begun.

    The parent has imported everything and computed nothing, with one thread: a child begins
    within milliseconds, and has no lock of another's thread to wait for.
    """
    sys.stdout.flush()
    begun, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(begun)
        _be_child(do, log, tell)
    os.close(tell)
    os.read(begun, 1)
    os.close(begun)
    return Child(pid, log)


def _be_child(do, log, tell):
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(handle, stream)
        tqdm.set_lock(threading.RLock())  # its own: a sibling may have been killed with the other
        os.write(tell, b"x")
        do()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def run_whole(do: Callable[[], object], log: Path, limit: float = LIMIT) -> float:
    """Run a function in a child to its end; the seconds it took."""
    start = time.monotonic()
    child = fork(do, log)
    assert child.wait(limit) == 0, f"the run failed: {child.said()}"
    return time.monotonic() - start


def error_of(do: Callable[[], object], log: Path) -> str:
    """The last line of a run that must fail with an error of its own (not die of a signal)."""
    child = fork(do, log)
    status = child.wait()
    assert status != 0, "ran to its end, no error"
    assert status == 1, f"died of signal {-status}"
    return child.said()


def files(folder: Path) -> dict[str, str]:
    """Hash of every result below a folder: neither locks nor files half written."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and path.suffix != ".lock" and not any(map(TEMPORARY.match, parts)):
            found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def stamps(folder: Path, names: Iterable[str] | None = None) -> dict[str, tuple]:
    """Inode and time of results below a folder: what is written again has others."""
    wanted = files(folder) if names is None else names
    found = {name: (folder / name).stat() for name in wanted if (folder / name).exists()}
    return {name: (each.st_ino, each.st_mtime_ns) for name, each in found.items()}


def unchanged(folder: Path, before: dict[str, tuple]) -> None:
    """Refuse a folder in which any of some files was written again, or is gone."""
    after = stamps(folder, before)
    changed = [name for name, stamp in before.items() if after.get(name) != stamp]
    assert not changed, f"made again: {changed[0]} ({len(changed)})"


def left_over(folder: Path) -> list[str]:
    """The files below a folder that somebody was writing."""
    there = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in there if any(map(TEMPORARY.match, path.parts)))


def difference(found: dict[str, str], right: dict[str, str]) -> str:
    """How two sets of files differ; empty if they do not."""
    lacks, more = sorted(set(right) - set(found)), sorted(set(found) - set(right))
    other = sorted(name for name in set(found) & set(right) if found[name] != right[name])
    told = {"lacks": lacks, "has besides": more, "differs in": other}
    return "; ".join(f"{how} {names[0]} ({len(names)})" for how, names in told.items() if names)


def fresh(folder: Path, template: Path | None = None) -> Path:
    """An empty folder, or a copy of another."""
    shutil.rmtree(folder, ignore_errors=True)
    if template is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(template, folder, symlinks=True)
    return folder
