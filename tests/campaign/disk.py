"""Disks that are full, read-only, moved, shared, or named as nobody expects."""

import contextlib
import functools
import io
import json
import os
import resource
import shutil
from pathlib import Path
from unittest import mock

from . import scenes
from .kills import Undisturbed, undisturbed_files
from .mounts import disk, remount, root, size_of
from .scenes import SCENES, forget, in_folder, made
from .trial import (
    Fault,
    difference,
    drawn,
    error_of,
    files,
    fork,
    fresh,
    run_whole,
    stamps,
    unchanged,
)

AGAIN = (
    "an error that says which folder, why, and what to do; with room, the next run completes, byte "
    "for byte"
)
SAME = "all runs, byte for byte, and a second run makes nothing again"
Usage = type(shutil.disk_usage("/"))
#: What an error says besides the folder and why: the remedy, and what is kept.
REMEDY = (
    "make room there, or set ILO_DATA (of figures: ILO_FIGURES) to a folder elsewhere; what was "
    "complete is kept, and the same call goes on from it"
)
#: Steps that may do their work more than once where several processes want it.
NOT_COUNTED = ("loading a corpus", "saving figures")
PLACES = {
    "a path with spaces": "my data folder",
    "quotes in the path": 'it\'s "data"',
    "letters that are not Latin in the path": "தரவு データ данные",
    "a percent sign, a hash and a brace in the path": "100% #1 {x}",
    "a newline in the path": "two\nlines",
    "a path of 600 characters": "/".join(["d" * 100] * 6),
    "a folder with a name of 255 characters": "n" * 255,
}


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """All of them."""
    found = []

    def add(what, promise, tries, do, *given):
        run = functools.partial(do, place, inputs, f"{seed} {what}", *given)
        found.append(Fault("disk", what, promise, tries, run))

    for name, scene in SCENES.items():
        add(f"{name} on a disk that gets full", AGAIN, 3, full, scene)
        add(f"{name} with a quota on the size of a file", AGAIN, 2, quota, scene)
    for name in ("extraction", "neighbours", "scoring", "fine-tuning", "unpacking a model"):
        scene = SCENES[name]
        add(f"{name}: finished, then the disk read-only", "results are read", 1, read_only, scene)
        how = {"fine-tuning": "two checkpoints there", "unpacking a model": "nothing there"}.get(
            name, "half of the parts there")  # fmt: skip
        add(f"{name}: {how}, then the disk read-only", "an error that says which folder, why, and "
            "what to do; then it goes on from what is there", 1, half_read_only, scene)  # fmt: skip
        add(f"{name}: folder moved", "nothing is made again", 1, moved, scene)
        add(f"{name}: times of all files in 2100 and in 1980", "nothing is made again", 2,
            clock, scene)  # fmt: skip
    for what, name in PLACES.items():
        add(what, SAME, 3, odd_place, name)
    add("a symlinked data folder", SAME, 3, symlinked)
    for name, scene in SCENES.items():
        once = "" if name in NOT_COUNTED else "; each part is made once"
        add(f"three processes at once: {name}", f"all complete, byte for byte{once}", 2,
            together, scene)  # fmt: skip
    add("a text and a model with names of 250 characters", SAME, 1, long_names, "m" * 250)
    add("a text and a model with Telugu names of 250 bytes", SAME, 1, long_names, "అ" * 83)
    add("another user, who may not write", "an error that names the folder", 1, other_user, False)
    add("another user goes on, in a folder open to all", SAME, 1, other_user, True)
    return found


def tells(said: str, folder: Path, *why: str) -> None:
    """Refuse an error that does not say which folder, why, and what to do."""
    assert REMEDY in said and str(folder) in said, f"the error does not say what to do: {said}"
    assert any(each in said for each in why), f"the error does not say why: {said}"


def goes_on(scene, inputs, folder, place, right) -> None:
    """The next run completes and leaves what it should."""
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    told = difference(files(folder), right)
    assert not told, f"after the next run the folder {told}"


def makes_nothing(scene, inputs, folder, place, right) -> None:
    """A run on finished results changes no file."""
    before = stamps(folder)
    goes_on(scene, inputs, folder, place, right)
    unchanged(folder, before)


def full(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """A disk with room for some of it; every other time another takes the room meanwhile."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    whole = size_of(undisturbed_files(place, scene)) - size_of(before)

    def once(rng):
        with disk(place / "disk", 2**28) as folder:
            shutil.copytree(before, folder / "x")
            room = int(whole * rng.uniform(0.05, 0.9))
            remount(folder, f"size={shutil.disk_usage(folder).used + room}")
            asked = mock.patch("shutil.disk_usage", lambda _: Usage(2**40, 0, 2**40))

            def do():
                with asked if number % 2 else contextlib.nullcontext():
                    in_folder(scene.run, inputs, folder / "x")

            child = fork(do, place / "log")
            status, said = child.wait(), child.said()
            assert status in (0, 1), f"ended by signal {-status}"
            if status == 0:
                return None  # pages are counted, not bytes: there was room enough
            if number % 2 or " GB free: make room, take fewer languages" not in said:
                tells(said, folder / "x", "is on a disk that is full")
            remount(folder, f"size={2**28}")
            goes_on(scene, inputs, folder / "x", place, right)
        return f"error, then went on ~ {said}"

    return drawn(once, f"{seed} {number}")


def quota(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """No file may be larger than so many bytes."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    sizes = [path.stat().st_size for path in undisturbed_files(place, scene).rglob("*")
             if path.is_file()]  # fmt: skip

    def once(rng):
        limit, folder = int(max(sizes) * rng.uniform(0.2, 0.95)), fresh(place / "quota", before)

        def do():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            # the log is a file, too, and so is the list of what was made
            quiet = contextlib.redirect_stdout(io.StringIO())
            unlisted = mock.patch.object(scenes, "work_of", lambda _: Path(os.devnull))
            try:
                with unlisted, quiet, contextlib.redirect_stderr(io.StringIO()):
                    in_folder(scene.run, inputs, folder)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (resource.RLIM_INFINITY,))

        child = fork(do, place / "log")
        status, said = child.wait(), child.said()
        assert status in (0, 1), f"ended by signal {-status}"
        if status == 0:
            return None
        # torch does not say why a checkpoint could not be written
        tells(said, folder, "limits how large a file may be", "part is on a disk that is full")
        goes_on(scene, inputs, folder, place, right)
        return f"error, then went on ~ {said}"

    return drawn(once, f"{seed} {number}")


def read_only(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """Everything is there, and nothing can be written."""
    right, _, _ = Undisturbed.of(scene, place, inputs)
    with disk(place / "disk", 2**28) as folder:
        shutil.copytree(undisturbed_files(place, scene), folder / "x")
        remount(folder, "ro")
        goes_on(scene, inputs, folder / "x", place, right)
    return "read"


def half_read_only(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """Some is missing, and nothing can be written."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    with disk(place / "disk", 2**28) as mounted:
        folder = mounted / "x"
        forget(folder)
        kept = half_done(scene, inputs, folder, place, before)
        remount(mounted, "ro")
        said = error_of(lambda: in_folder(scene.run, inputs, folder), place / "log")
        tells(said, folder, "is on a disk that cannot be written")
        unchanged(folder, kept)
        remount(mounted, "rw")
        done = set(made(folder))
        forget(folder)
        goes_on(scene, inputs, folder, place, right)
        twice = done & set(made(folder))
        assert not twice, f"made again: {sorted(twice)[0]}"
        if scene.name != "fine-tuning":  # its checkpoints go when it is done
            unchanged(folder, kept)
    return f"error, then went on ~ {len(kept)} files were there"


def half_done(scene, inputs, folder, place, before) -> dict:
    """A folder in which half of a step is done; stamps of the files that are complete."""
    if not scene.name.startswith(("fine-tuning", "unpacking")):
        shutil.copytree(undisturbed_files(place, scene), folder)
        there = (path for pattern in scene.finished for path in folder.glob(pattern))
        for path in sorted(there)[::2]:
            path.unlink()
        return stamps(folder, list(_complete(scene, folder)))
    shutil.copytree(before, folder)
    (folder / "data").mkdir(exist_ok=True)
    if scene.name == "fine-tuning":
        from ilo_helpers.training import finetuning

        def until_the_second(given):
            keep, steps = finetuning._keep_checkpoint, []

            def kept(work, step):
                keep(work, step)
                steps.append(step)
                if len(steps) == 2:
                    raise KeyboardInterrupt

            finetuning._keep_checkpoint = kept  # in a child that ends
            scene.run(given)

        error_of(lambda: in_folder(until_the_second, inputs, folder), place / "log")
        assert len(made(folder)) == 2, made(folder)
    return stamps(folder)


def _complete(scene, folder):
    """Names of the files that say that a part is complete, and of those that they list."""
    for pattern in scene.finished:
        for path in folder.glob(pattern):
            yield str(path.relative_to(folder))
            sums = json.loads(path.read_text()) if path.suffix == ".json" else {}
            chunks = (path.parent / "array.zarr" / name for name in sums if "/" in name)
            yield from (str(each.relative_to(folder)) for each in chunks)


def moved(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """The folder lies elsewhere than where it was made."""
    right, _, _ = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "elsewhere" / "x", undisturbed_files(place, scene))
    makes_nothing(scene, inputs, folder, place, right)
    return "nothing was made"


def clock(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """Files of the future, or of the past."""
    right, _, _ = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "clock", undisturbed_files(place, scene))
    stamp = (4102444800, 315532800)[number]
    for path in folder.rglob("*"):
        os.utime(path, (stamp, stamp))
    makes_nothing(scene, inputs, folder, place, right)
    return "nothing was made"


def odd_place(place: Path, inputs: Path, seed: str, name: str, number: int) -> str:
    """A data folder of a name that nobody expects."""
    scene = SCENES[("extraction", "scoring", "fine-tuning")[number]]
    right, _, before = Undisturbed.of(scene, place, inputs)
    outer = fresh(place / "odd")
    folder = fresh(outer / name / "x", before)
    goes_on(scene, inputs, folder, place, right)
    makes_nothing(scene, inputs, folder, place, right)
    return "ran"


def symlinked(place: Path, inputs: Path, seed: str, number: int) -> str:
    """The data folder is a link to another."""
    scene = SCENES[("extraction", "scoring", "fine-tuning")[number]]
    right, _, before = Undisturbed.of(scene, place, inputs)
    folder, other = fresh(place / "linked", before), fresh(place / "behind")
    (folder / "data").symlink_to(other)
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    found = {f"data/{name}": each for name, each in files(other).items()}
    told = difference(found, right)
    assert not told, f"the folder {told}"
    before = stamps(other)
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    assert files(other).keys() == before.keys(), "the second run made other files"
    unchanged(other, before)
    return "ran"


def together(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """Three processes want the same."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "shared", before)
    forget(folder)
    children = [fork(lambda: in_folder(scene.run, inputs, folder), place / f"log{i}")
                for i in range(3)]  # fmt: skip
    for child in children:
        status = child.wait()
        assert status == 0, f"one of them failed: {child.said()}"
    told = difference(files(folder), right)
    assert not told, f"the folder {told}"
    lines = made(folder)
    assert lines or scene.name in NOT_COUNTED, "nobody noted what was made"
    assert len(lines) == len(set(lines)), "a part was made twice"
    return "all completed"


def long_names(place: Path, inputs: Path, seed: str, name: str, number: int) -> str:
    """A text and a model whose names make file names too long."""
    from ilo_helpers import open_study
    from ilo_helpers.keep.figures import save_table
    from ilo_helpers.training.finetuning import fine_tune
    from ilo_helpers.training.tasks import load_task

    from .scenes import CORPUS, WORDS

    outer = fresh(place / "long")
    shutil.copytree(inputs / "tiny", outer / name)
    shutil.copytree(CORPUS, outer / "texts" / name, ignore=shutil.ignore_patterns("*.md"))

    def run(_):
        study = open_study(outer / name, outer / "texts" / name, sentences=6)
        save_table("01_x", study.scores, study.caption)
        fine_tune(outer / name, load_task(inputs / "toy.csv"), words=WORDS, epochs=1)

    first = run_whole(lambda: in_folder(run, inputs, outer / "out"), place / "log")
    right = files(outer / "out")
    assert len(right) > 20
    before = stamps(outer / "out")
    run_whole(lambda: in_folder(run, inputs, outer / "out"), place / "log")
    assert files(outer / "out") == right, "the second run made other files"
    unchanged(outer / "out", before)
    return f"ran ~ {first:.1f} s"


def other_user(place: Path, inputs: Path, seed: str, may_write: bool, number: int) -> str:
    """Half is made by root; nobody goes on."""
    root()
    scene = SCENES["extraction"]
    right, _, before = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "users", before)
    place.parent.chmod(0o755)
    for path in (inputs / "tiny").iterdir():
        path.chmod(0o644)
    (folder / "data").mkdir()
    (folder / "fig").mkdir()

    def as_root():
        os.umask(0)
        in_folder(scene.run, inputs, folder)

    def as_nobody():
        import email.policy  # noqa: F401

        # what is imported late lies where nobody may read
        in_folder(scene.run, inputs, fresh(place / "late", before))
        os.setgid(65534)
        os.setuid(65534)
        os.umask(0)
        os.environ["HOME"] = "/nonexistent"
        in_folder(scene.run, inputs, folder)

    if not may_write:
        said = error_of(as_nobody, place / "log")
        assert "Permission" in said and str(folder) in said, said
        return "error"
    for each in (folder, folder / "data", folder / "fig"):
        each.chmod(0o777)
    run_whole(as_root, place / "log")
    for marker in sorted(folder.glob("data/activations/*/language-*.json"))[::2]:
        marker.unlink()
    forget(folder)
    place.chmod(0o777)  # where the parts that are made get a line each
    run_whole(as_nobody, place / "log")
    told = difference(files(folder), right)
    assert not told, f"the folder {told}"
    there = stamps(folder)
    run_whole(as_nobody, place / "log")
    assert files(folder) == right, "the second run made other files"
    unchanged(folder, there)
    return "went on"
