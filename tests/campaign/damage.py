"""Results that somebody, or a disk, has changed behind our back."""

import functools
import json
import random
import shutil
from pathlib import Path

import xarray as xr

from .disk import goes_on
from .kills import Undisturbed, undisturbed_files
from .scenes import SCENES, in_folder
from .trial import Fault, difference, error_of, files, fresh, run_whole

REPAIRED = "noticed; that part alone is made again, byte for byte"
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
#: What is damaged: step, its files, how many tries each way.
STORES = {
    "a chunk of the vectors": ("extraction", "data/activations/*/array.zarr/activations/[0-9]*"),
    "a chunk of the neighbours": ("neighbours", "data/neighbors/*/array.zarr/*/[0-9].*"),
    "a part's checksums": ("extraction", "data/activations/*/language-*.json"),
    "a store's labels": ("neighbours", "data/neighbors/*/array.zarr/l*/0"),
    "a kept table": ("scoring", "data/*/*.parquet"),
    "numbers of a figure": ("saving figures", "fig/*/*.csv"),
}
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
    "a file of a trained model": ("fine-tuning", "data/finetuned/*/*"),
    "a file of an unpacked model": ("unpacking a model", "data/models/*/*"),
    "the package with the Declaration": ("loading a corpus", "data/corpora/*.tgz"),
}


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """Every file, damaged in every way."""
    found = []
    for table, promise, do in ((STORES, REPAIRED, repaired), (MODELS, SPOKEN, spoken)):
        for what, (step, pattern) in table.items():
            for how, change in HOW.items():
                if change is swap and "package" in what:
                    continue
                run = functools.partial(do, place, inputs, f"{seed} {what} {how}", SCENES[step],
                                        pattern, change)  # fmt: skip
                found.append(Fault("damage", f"{how} {what}", promise, 3, run))
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


def repaired(place, inputs, seed, scene, pattern, change, number) -> str:
    """Damage one file: the next run leaves what was there before, and touches no other part."""
    rng = random.Random(f"{seed} {number}")
    right, _, _ = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "damaged", undisturbed_files(place, scene))
    there = sorted(folder.glob(pattern))
    change(rng.choice(there), rng, there)
    work = place / "damaged.work"
    work.unlink(missing_ok=True)
    goes_on(scene, inputs, folder, place, right)
    made = len(set(work.read_text().splitlines())) if work.exists() else 0
    parts = 2 if change is swap else 1
    if scene.name != "scoring":  # a table is made of blocks
        assert made <= parts, f"{made} parts were made again"
    return "repaired"


def noted(place, inputs, seed, scene, pattern, change, number) -> str:
    """Damage a note: results, and of the notes what decides, are those of before."""
    rng = random.Random(f"{seed} {number}")
    Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "damaged", undisturbed_files(place, scene))
    there = sorted(folder.glob(pattern))
    right = _deciding(folder, place)
    change(rng.choice(there), rng, there)
    run_whole(lambda: in_folder(scene.run, inputs, folder), place / "log")
    told = difference(_deciding(folder, place), right)
    assert not told, f"after the next run the folder {told}"
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
    from ilo_helpers import load_model

    rng = random.Random(f"{seed} {number}")
    right, _, _ = Undisturbed.of(scene, place, inputs)
    folder = fresh(place / "damaged", undisturbed_files(place, scene))
    there = sorted(folder.glob(pattern))
    path = rng.choice(there)
    change(path, rng, there)

    def use(given):
        scene.run(given)
        if scene.name == "fine-tuning":
            for each in folder.glob("data/finetuned/*"):
                if each.is_dir():
                    assert load_model(each).model

    sums = "SHA256SUMS"  # a model of older code has none, and is taken as it is
    if path.name == sums and _completes(use, inputs, folder, place):
        found, right = ({name: each for name, each in all_.items() if sums not in name}
                        for all_ in (files(folder), right))  # fmt: skip
        told = difference(found, right)
        assert not told, f"after the next run the folder {told}"
        return "its hashes are not there: taken as it is"
    if not _completes(use, inputs, folder, place):
        said = error_of(lambda: in_folder(use, inputs, folder), place / "log")
        assert path.name in said or path.parent.name in said or sums in said, said
        told = "error"
        shutil.rmtree(folder / "data")
    else:
        told = "made again"
    goes_on(scene, inputs, folder, place, right)
    return told


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
