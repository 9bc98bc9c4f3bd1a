"""Disks that are full, read-only, moved, shared, or named as nobody expects."""

import functools
import os
import random
import resource
import shutil
from pathlib import Path

from .kills import Undisturbed, undisturbed_files
from .mounts import disk, remount, root, size_of
from .scenes import SCENES, in_folder
from .trial import Fault, difference, error_of, files, fork, fresh, run_whole

AGAIN = "an error that says so; with room, the next run completes, byte for byte"
SAME = "all runs, byte for byte, and a second run makes nothing again"
#: What errors say of a disk that takes no more.
FULL = ("No space left", "File too large", "make room", "Disk quota", "os error 28", "os error 27",
        "could not be fetched")  # fmt: skip
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
        add(f"{name}: half done, then the disk read-only", "an error that names the folder; then "
            "it goes on", 1, half_read_only, scene)  # fmt: skip
        add(f"{name}: folder moved", "nothing is made again", 1, moved, scene)
        add(f"{name}: times of all files in 2100 and in 1980", "nothing is made again", 2,
            clock, scene)  # fmt: skip
    for what, name in PLACES.items():
        add(what, SAME, 3, odd_place, name)
    add("a symlinked data folder", SAME, 3, symlinked)
    for name, scene in SCENES.items():
        add(f"three processes at once: {name}", "all complete, byte for byte; each part is made "
            "once", 2, together, scene)  # fmt: skip
    add("a text and a model with names of 250 characters", SAME, 1, long_names, "m" * 250)
    add("a text and a model with Telugu names of 250 bytes", SAME, 1, long_names, "అ" * 83)
    add("another user, who may not write", "an error that names the folder", 1, other_user, False)
    add("another user goes on, in a folder open to all", SAME, 1, other_user, True)
    return found


def tells(child) -> bool:
    """Whether the error, its last lines, says that the disk takes no more."""
    lines = child.log.read_text(errors="replace").strip().splitlines()[-4:]
    return any(each in line for each in FULL for line in lines)


def goes_on(scene, inputs, folder, place, right) -> None:
    """The next run completes and leaves what it should."""
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    told = difference(files(folder), right)
    assert not told, f"after the next run the folder {told}"


def makes_nothing(scene, inputs, folder, place, right) -> None:
    """A run on finished results changes no file."""
    before = {name: os.stat(folder / name).st_ino for name in files(folder)}
    goes_on(scene, inputs, folder, place, right)
    after = {name: os.stat(folder / name).st_ino for name in files(folder)}
    changed = [name for name in before if after[name] != before[name]]
    assert not changed, f"made again: {changed[0]} ({len(changed)})"


def full(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """A disk with room for some of it."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    whole = size_of(undisturbed_files(place, scene)) - size_of(before)
    room = int(whole * random.Random(f"{seed} {number}").uniform(0.1, 1.3))
    with disk(place / "disk", 2**28) as folder:
        shutil.copytree(before, folder / "x")
        remount(folder, f"size={shutil.disk_usage(folder).used + room + 2**13}")
        child = fork(lambda: in_folder(scene.run, inputs, folder / "x"), place / "log")
        status, said = child.wait(), child.said()
        assert status in (0, 1), f"ended by signal {-status}"
        if status:
            assert tells(child), f"the error does not say why: {said}"
        remount(folder, f"size={2**28}")
        goes_on(scene, inputs, folder / "x", place, right)
    return f"error, then went on ~ {said}" if status else "there was room enough"


def quota(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """No file may be larger than so many bytes."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    sizes = [path.stat().st_size for path in undisturbed_files(place, scene).rglob("*")
             if path.is_file()]  # fmt: skip
    limit = int(max(sizes) * random.Random(f"{seed} {number}").uniform(0.2, 0.95))
    folder = fresh(place / "quota", before)

    def do():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            in_folder(scene.run, inputs, folder)
        finally:  # what is printed goes to a file, too
            resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (resource.RLIM_INFINITY,))

    child = fork(do, place / "log")
    status, said = child.wait(), child.said()
    assert status in (0, 1), f"ended by signal {-status}"
    if status:
        assert tells(child), f"the error does not say why: {said}"
    goes_on(scene, inputs, folder, place, right)
    return f"error, then went on ~ {said}" if status else "no file was too large"


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
    with disk(place / "disk", 2**28) as folder:
        shutil.copytree(before, folder / "x")
        (folder / "x" / "data").mkdir(exist_ok=True)
        remount(folder, "ro")
        said = error_of(lambda: in_folder(scene.run, inputs, folder / "x"), place / "log")
        assert "Read-only file system" in said and str(folder) in said, said
        remount(folder, "rw")
        goes_on(scene, inputs, folder / "x", place, right)
    return "error, then went on"


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
    return "ran"


def together(place: Path, inputs: Path, seed: str, scene, number: int) -> str:
    """Three processes want the same."""
    right, _, before = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "shared", before)
    work = place / "shared.work"
    work.unlink(missing_ok=True)
    children = [fork(lambda: in_folder(scene.run, inputs, folder), place / f"log{i}")
                for i in range(3)]  # fmt: skip
    for child in children:
        status = child.wait()
        assert status == 0, f"one of them failed: {child.said()}"
    told = difference(files(folder), right)
    assert not told, f"the folder {told}"
    lines = work.read_text().splitlines() if work.exists() else []
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
    run_whole(lambda: in_folder(run, inputs, outer / "out"), place / "log")
    assert files(outer / "out") == right, "the second run made other files"
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
    (place / "users.work").unlink()
    place.chmod(0o777)  # where the parts that are made get a line each
    run_whole(as_nobody, place / "log")
    told = difference(files(folder), right)
    assert not told, f"the folder {told}"
    return "went on"
