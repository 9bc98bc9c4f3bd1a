"""Results that somebody, or a disk, has changed behind our back."""

import functools
import json
import random
import shutil
import warnings
from pathlib import Path

import xarray as xr

from .disk import goes_on, half_done
from .kills import Undisturbed, undisturbed_files
from .scenes import SCENES, forget, in_folder, made
from .trial import Fault, difference, drawn, error_of, files, fork, fresh, run_whole

AGAIN = "that part alone is made again, byte for byte"
REPAIRED = f"a warning or a message; {AGAIN}"
SPOKEN = "an error that names the file, or it is made again, byte for byte; never another result"


def flip(path: Path, rng: random.Random, others: list[Path]) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, rng: random.Random, others: list[Path]) -> None:
    """The end is missing."""
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def delete(path: Path, rng: random.Random, others: list[Path]) -> None:
    """Gone."""
    path.unlink()


def swap(path: Path, rng: random.Random, others: list[Path]) -> None:
    """It has the content of another of its kind."""
    other = rng.choice([each for each in others if each != path])
    mine, its = path.read_bytes(), other.read_bytes()
    path.write_bytes(its)
    other.write_bytes(mine)


def empty(path: Path, rng: random.Random, others: list[Path]) -> None:
    """A file of no bytes."""
    path.write_bytes(b"")


HOW = {"one bit flipped in": flip, "cut short:": truncate, "deleted:": delete,
       "swapped with another:": swap, "emptied:": empty}  # fmt: skip
#: What is damaged: step, its files, what is said then, and how many parts at most and at least are
#: made again (None: a table is made of blocks, a figure has none).
STORES = {
    "a chunk of the vectors": ("extraction", "data/activations/*/array.zarr/activations/[0-9]*",
                               "it will be done again", (1, 1)),
    "a chunk of the neighbours": ("neighbours", "data/neighbors/*/array.zarr/*/[0-9].*",
                                  "it will be done again", (1, 1)),
    "a part's checksums": ("extraction", "data/activations/*/language-*.json",
                           "it will be done again", (1, 1)),
    "a store's labels": ("neighbours", "data/neighbors/*/array.zarr/l*/0", "laid out anew", (0, 0)),
    "a kept table": ("scoring", "data/*/*.parquet", "it will be made again", None),
    "numbers of a figure": ("saving figures", "fig/*/*.csv", "", None),
}  # fmt: skip
#: Of what is not there nothing is said.
MISSED = ("a part's checksums", "a kept table")
#: Files that say something of a result, of which not every letter decides: what is promised, and
#: what of them is compared.
NOTES = {
    "labels or sizes of a store": ("extraction", "data/activations/*/array.zarr/*/.z*",
                                   "the same labels, sizes and values; no part is made again"),
    "a kept table's hash": ("scoring", "data/*/*.sha256", "the table is made again, or, without "
                            "a hash, read: the same table"),
    "settings of a figure": ("saving figures", "fig/*/*.json", "written anew where they cannot be "
                             "read, or say something else of what decides the figure"),
}  # fmt: skip
MODELS = {
    "a file of a trained model": ("fine-tuning", "data/finetuned/*/[!S]*"),
    "a file of an unpacked model": ("unpacking a model", "data/models/*/[!S]*"),
    "a trained model's hashes": ("fine-tuning", "data/finetuned/*/SHA256SUMS"),
    "an unpacked model's hashes": ("unpacking a model", "data/models/*/SHA256SUMS"),
    "the package with the Declaration": ("loading a corpus", "data/corpora/*.tgz"),
}


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """Every file, damaged in every way."""
    found = []

    def add(what, how, promise, tries, do, step, *given):
        run = functools.partial(do, place, inputs, f"{seed} {what} {how}", SCENES[step], *given)
        found.append(Fault("damage", f"{how} {what}", promise, tries, run))

    for what, (step, pattern, said, parts) in STORES.items():
        for how, change in HOW.items():
            told = "" if change is delete and what in MISSED else said
            promise = REPAIRED if told else AGAIN
            add(what, how, promise, 3, repaired, step, pattern, change, told, parts)
    for what, (step, pattern) in MODELS.items():
        for how, change in HOW.items():
            alone = not what.startswith("a file")  # nothing to swap it with
            if change is delete and "hashes" in what:
                promise = "read as it is, like a model of older code, which has none"
                add(what, how, promise, 1, taken_as_it_is, step, pattern, change)
            elif not (alone and change is swap):
                add(what, how, SPOKEN, 3, spoken, step, pattern, change)
    for how, change in HOW.items():
        add("a file of a checkpoint", how, "a warning; training begins anew, byte for byte", 2,
            checkpoint, "fine-tuning", change)  # fmt: skip
    for what, (step, pattern, promise) in NOTES.items():
        for how, change in HOW.items():
            run = functools.partial(noted, place, inputs, f"{seed} {what} {how}", SCENES[step],
                                    pattern, change)  # fmt: skip
            found.append(Fault("damage", f"{how} {what}", promise, 3, run))
    for what, do in {
        "checksums there, all chunks of the part gone": chunks_gone,
        "chunks there, checksums gone": checksums_gone,
        "a store that lists no files": lists_nothing,
        "a store of another recipe beside it": other_recipe,
    }.items():
        found.append(Fault("damage", what, REPAIRED, 2, functools.partial(do, place, inputs)))
    promise = "an error that says which folder to delete; then it goes on"
    for number, what in enumerate(("of other files", "of its files")):
        run = functools.partial(other_format, place, inputs, number)
        what = f"a store in zarr's format 3 in its place, and checksums {what}"
        found.append(Fault("damage", what, promise, 1, run))
    return found


def repaired(place, inputs, seed, scene, pattern, change, said, parts, number) -> str:
    """Damage one file: the next run says so, leaves what was there, and touches no other part."""
    right, _, _ = Undisturbed.of(scene, place, inputs)

    def once(rng):
        folder = fresh(place / "damaged", undisturbed_files(place, scene))
        there = sorted(folder.glob(pattern))
        path = rng.choice(there)
        before = path.read_bytes()
        change(path, rng, there)
        if path.suffix == ".json" and path.exists() and _but_threads(path.read_bytes(), before):
            return None  # the number of threads decides nothing, and is not checked
        if pattern.endswith("l*/0") and _reads_as(folder, undisturbed_files(place, scene), place):
            return None  # of what is packed, not every bit is read
        forget(folder)
        run_whole(lambda: in_folder(_warned(scene.run), inputs, folder), place / "log")
        log = (place / "log").read_text(errors="replace")
        told = difference(files(folder), right)
        assert not told, f"after the next run the folder {told}"
        assert said in log, "nothing was said of it"
        if parts is not None:
            least, most = parts[0], 2 * parts[1] if change is swap else parts[1]
            count = len(set(made(folder)))
            assert least <= count <= most, f"{count} parts were made again"
        return "repaired"

    return drawn(once, f"{seed} {number}")


def _reads_as(folder, right, place):
    """Whether the stores of two folders have the same labels and values."""
    found = []
    for each in (right, folder):
        child = fork(functools.partial(_write_values, each, place / "values"), place / "log")
        if child.wait():
            return False
        found.append((place / "values").read_text())
    return found[0] == found[1]


def _but_threads(found, right):
    """Whether two files of checksums differ in the number of threads alone."""
    try:
        found, right = ({**json.loads(each), "threads": 0} for each in (found, right))
    except (ValueError, TypeError):
        return False
    return found == right


def _warned(run):
    """A step whose warnings are printed: those of the campaign's own process are not."""

    def with_warnings(given):
        warnings.simplefilter("always")  # in a child that ends
        run(given)

    return with_warnings


def noted(place, inputs, seed, scene, pattern, change, number) -> str:
    """Damage a note: results, and of the notes what decides, are those of before."""
    rng = random.Random(f"{seed} {number}")
    Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "damaged", undisturbed_files(place, scene))
    there = sorted(folder.glob(pattern))
    right = _deciding(folder, place)
    change(rng.choice(there), rng, there)
    forget(folder)
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    told = difference(_deciding(folder, place), right)
    assert not told, f"after the next run the folder {told}"
    assert scene.name == "scoring" or not made(folder), f"made again: {made(folder)[0]}"
    return "the same results"


def _deciding(folder, place):
    """Hashes of the results, and of each note what decides."""
    found = {name: each for name, each in files(folder).items()
             if not name.endswith(".sha256")}  # fmt: skip
    found = {name: each for name, each in found.items() if "/.z" not in name}
    run_whole(lambda: _write_values(folder, place / "values"), place / "log")
    found["values"] = (place / "values").read_text()
    for path in folder.glob("fig/*/*.json"):
        note = json.loads(path.read_text())
        keys = ("caption", "tolerance", "details", "drawing")
        found[str(path.relative_to(folder))] = str([note[key] for key in keys])
    return found


def _write_values(folder, file):
    """Labels and values of every store, read anew."""
    stores = sorted(folder.glob("data/*/*/array.zarr"))
    options = {"consolidated": False, "chunks": None, "mask_and_scale": False}
    found = [xr.open_zarr(each, **options).to_dict() for each in stores]
    file.write_text(json.dumps(found, sort_keys=True))  # a folder lists its files in any order


def spoken(place, inputs, seed, scene, pattern, change, number) -> str:
    """Damage one file of a model: it is refused, or all is as it was."""
    right, _, _ = Undisturbed.of(scene, place, inputs)

    def once(rng):
        folder = fresh(place / "damaged", undisturbed_files(place, scene))
        there = sorted(folder.glob(pattern))
        path = rng.choice(there)
        change(path, rng, there)
        if path.name == "SHA256SUMS" and path.read_bytes()[-1:] == b"\n" and change is truncate:
            return None  # hashes of fewer files: as of a model that came with no more
        use = _used(scene, folder)
        told = "made again"
        if not _completes(use, inputs, folder, place):
            said = error_of(lambda: in_folder(use, inputs, folder), place / "log")
            assert path.name in said or path.parent.name in said, said
            assert "delete" in said or "try again" in said, f"no remedy: {said}"
            told = "error"
            shutil.rmtree(folder / "data")
        goes_on(scene, inputs, folder, place, right)
        return told

    return drawn(once, f"{seed} {number}")


def checkpoint(place, inputs, seed, scene, change, number) -> str:
    """Damage one file of the checkpoint that a training goes on from."""
    rng = random.Random(f"{seed} {number}")
    right, _, before = Undisturbed.of(scene, place, inputs)
    folder = place / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    forget(folder)
    half_done(scene, inputs, folder, place, before)
    there = sorted(folder.glob("data/finetuned/*.part/whole-*/*"))
    change(rng.choice([path for path in there if path.stat().st_size]), rng, there)
    forget(folder)
    run_whole(lambda: in_folder(_warned(scene.run), inputs, folder), place / "log")
    told = difference(files(folder), right)
    assert not told, f"after the next run the folder {told}"
    said = (place / "log").read_text(errors="replace")
    assert "was changed or cut short; training begins anew" in said, "nothing was said of it"
    return "trained anew"


def taken_as_it_is(place, inputs, seed, scene, pattern, change, number) -> str:
    """The hashes of a model are gone: nothing tells it from one of older code, or the user's."""
    right, _, _ = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "damaged", undisturbed_files(place, scene))
    (path,) = folder.glob(pattern)
    path.unlink()
    run_whole(lambda: in_folder(_used(scene, folder), inputs, folder), place / "log")
    right = {name: each for name, each in right.items() if not name.endswith(path.name)}
    told = difference(files(folder), right)
    assert not told, f"after the next run the folder {told}"
    return "read"


def _used(scene, folder):
    """The step, and its model read where it trains one."""
    from ilo_helpers import load_model

    def use(given):
        scene.run(given)
        if scene.name == "fine-tuning":
            for each in folder.glob("data/finetuned/*"):
                if each.is_dir():
                    assert load_model(each).model

    return use


def _completes(use, inputs, folder, place):
    try:
        run_whole(lambda: in_folder(use, inputs, folder), place / "log")
    except AssertionError:
        return False
    return True


def chunks_gone(place, inputs, number) -> str:
    """Of one language every chunk is missing."""
    right, folder = _extracted(place, inputs)
    for path in folder.glob(f"data/activations/*/array.zarr/activations/*.{number + 1}.*.*"):
        path.unlink()
    goes_on(SCENES["extraction"], inputs, folder, place, right)
    return "repaired"


def checksums_gone(place, inputs, number) -> str:
    """Nothing says any longer that some parts are complete."""
    right, folder = _extracted(place, inputs)
    for path in sorted(folder.glob("data/activations/*/language-*.json"))[number::2]:
        path.unlink()
    goes_on(SCENES["extraction"], inputs, folder, place, right)
    return "repaired"


def lists_nothing(place, inputs, number) -> str:
    """Checksums of no files, and no chunks: zeros must not pass for values."""
    right, folder = _extracted(place, inputs)
    for path in folder.glob("data/activations/*/language-deu_Latn.json"):
        path.write_text(("{}", '{"threads": 1}')[number])
    for path in folder.glob("data/activations/*/array.zarr/activations/*.1.*.*"):
        path.unlink()
    goes_on(SCENES["extraction"], inputs, folder, place, right)
    return "repaired"


def other_format(place, inputs, number, _) -> str:
    """The same values as a group of zarr's other format, with checksums of its files."""
    from ilo_helpers.keep.digest import file_digest

    right, folder = _extracted(place, inputs)
    for store in folder.glob("data/activations/*/array.zarr"):
        old = store.rename(store.with_name("old"))

        def rewrite(old=old, store=store):
            xr.open_zarr(old, consolidated=False, chunks=None).drop_encoding().to_zarr(
                store, zarr_format=3, consolidated=False)  # fmt: skip

        run_whole(rewrite, place / "log")
        shutil.rmtree(old)
        chunks = {str(path.relative_to(store)): file_digest(path)
                  for path in store.rglob("activations/c/*") if path.is_file()}  # fmt: skip
        if number:
            for marker in store.parent.glob("language-*.json"):
                marker.write_text(json.dumps(chunks))
    scene = SCENES["extraction"]
    said = error_of(lambda: in_folder(scene.run, inputs, folder), place / "log")
    assert "array.zarr" in said and "delete the folder" in said, said
    for store in folder.glob("data/activations/*"):
        shutil.rmtree(store)
    goes_on(scene, inputs, folder, place, right)
    return "error, then went on"


def other_recipe(place, inputs, number) -> str:
    """Results of code with another recipe lie there: they are never read."""
    from unittest import mock

    from ilo_helpers.keep.recipes import RECIPES

    scene = SCENES[("extraction", "neighbours")[number]]
    right, _, _ = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "damaged")

    def older(given):
        with mock.patch.dict(RECIPES, activations=0, neighbors=0):
            scene.run(given)

    run_whole(lambda: in_folder(older, inputs, folder), place / "log")
    there = set(files(folder))
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    found = {name: each for name, each in files(folder).items() if name not in there}
    told = difference(found, right)
    assert not told, f"the folder {told}"
    return "made beside it"


def _extracted(place, inputs):
    right, _, _ = Undisturbed.of(SCENES["extraction"], place, inputs)
    return right, fresh(place / "damaged", undisturbed_files(place, SCENES["extraction"]))
