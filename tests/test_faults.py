"""What the campaign of faults found, held down: see tests/campaign and benchmarks/campaign.md."""

import errno
import io
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from campaign import power, report, trial
from campaign.trial import Fault
from parts import PARTS, letters, value

from ilo_helpers import load_model, memory, save_figure
from ilo_helpers.keep import digest, figures, tables
from ilo_helpers.keep.captions import Caption
from ilo_helpers.keep.digest import alone, folder_written_whole, write_sums, written_whole
from ilo_helpers.keep.messages import say
from ilo_helpers.keep.paths import ROOT, DiskError, data_dir, on_disk, slug
from ilo_helpers.keep.registry import Registry
from ilo_helpers.keep.tables import TableStore, kept_table
from ilo_helpers.sources import packaged
from ilo_helpers.training import finetuning
from ilo_helpers.training.finetuning import fine_tune
from ilo_helpers.training.tasks import load_task

TABLE = pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})


@pytest.fixture
def calls(monkeypatch):
    """Names that were synced, replaced and renamed, in order."""
    seen = []

    def noted(name, function):
        def wrapped(*args):
            path = os.readlink(f"/proc/self/fd/{args[0]}") if name == "sync" else str(args[-1])
            seen.append((name, os.path.basename(path)))
            return function(*args)

        return wrapped

    for name, function in (("sync", "fsync"), ("replace", "replace"), ("rename", "rename")):
        monkeypatch.setattr(os, function, noted(name, getattr(os, function)))
    return seen


# -- power that fails ---------------------------------------------------------------------


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    with written_whole(tmp_path / "x") as part:
        part.write_text("all")
    assert calls[0][1].startswith(".x-")
    assert calls[1:] == [("replace", "x"), ("sync", tmp_path.name)]


def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path, calls):
    with folder_written_whole(tmp_path / "model") as work:
        (work / "weights").write_text("all")
        (work / "weights").chmod(0o600)
    assert stat.S_IMODE((tmp_path / "model" / "weights").stat().st_mode) == 0o644
    assert calls == [("sync", "weights"), ("sync", "model"), ("rename", "model"),
                     ("sync", tmp_path.name)]  # fmt: skip


def test_a_part_is_on_the_disk_before_it_counts_as_complete(tmp_path, calls):
    store = letters(tmp_path)
    store.create()
    calls.clear()
    store.write("b", index=value("b"))
    names = [name for _, name in calls]
    assert {"0.1.0", "1.1.0", "index"} <= set(names[: names.index("language-b.json")])


def test_what_fails_with_the_power(tmp_path):
    """The model of it: synced is kept, the rest may be gone or empty, the old may be back."""
    folder, before, journal = tmp_path / "now", tmp_path / "before", tmp_path / "journal"
    folder.mkdir()
    (folder / "old").write_text("old")
    os.utime(folder / "old", (1, 1))
    shutil.copytree(folder, before)
    with power.watched(journal), written_whole(folder / "safe") as part:
        part.write_text("safe")
    outcomes = set()
    for seed in range(40):
        (folder / "new").write_text("new text")
        (folder / "new").replace(folder / "old")
        (folder / "loose").write_text("loose")
        power.fail(folder, before, journal, random.Random(seed))
        assert (folder / "safe").read_text() == "safe"
        loose = folder / "loose"
        outcomes.add((folder / "old").read_text())
        outcomes.add(loose.read_text() if loose.exists() else "gone")
    assert {"old", "new text", "", "loose", "gone"} <= outcomes


# -- stores -------------------------------------------------------------------------------


@pytest.fixture
def filled(tmp_path):
    store = letters(tmp_path)
    store.create()
    for part in PARTS:
        store.write(part, index=value(part))
    return store


@pytest.mark.parametrize("how", ["cut", "gone", "other"])
@pytest.mark.parametrize(
    "name", ["index/.zarray", "index/.zattrs", "language/0", "language/.zarray", ".zgroup"]
)
def test_labels_and_sizes_are_checked_and_laid_out_anew(name, how, filled, tmp_path):
    file = filled.path / "array.zarr" / name
    right = file.read_bytes()
    changed = {
        "cut": right[: len(right) // 2],
        "other": right[:-4] + bytes([right[-4] ^ 1]) + right[-3:],
    }
    file.unlink() if how == "gone" else file.write_bytes(changed[how])
    again = letters(tmp_path)
    assert again.missing() == []
    found = again.open()
    assert list(found.language.values) == PARTS and file.read_bytes() == right
    for part in PARTS:
        np.testing.assert_array_equal(found["index"].sel(language=part), value(part))


def test_labels_that_are_cut_anywhere_are_laid_out_anew(filled, tmp_path):
    """Without a look at the length Blosc may find the rest where it lies in memory by chance."""
    for file in filled.path.glob("array.zarr/l*/0"):
        right = file.read_bytes()
        for size in range(len(right)):
            file.write_bytes(right[:size])
            letters(tmp_path).create()
            assert file.read_bytes() == right, size


@pytest.mark.parametrize("text", ["{}", '{"threads": 1}', "[]", "null", ""])
def test_a_part_whose_checksums_list_nothing_is_not_complete(text, filled, tmp_path):
    (filled.path / "language-c.json").write_text(text)
    for chunk in filled.path.glob("array.zarr/index/?.2.0"):
        chunk.unlink()  # zarr would read zeros
    with pytest.warns(UserWarning, match="language c: its checksum file"):
        assert letters(tmp_path).missing() == ["c"]


def test_checksums_of_another_part_or_of_fewer_layers_do_not_pass_for_a_part_s_own(
    filled, tmp_path
):
    """Nothing would check the part's chunks then."""
    one, two, three = (filled.path / f"language-{part}.json" for part in "abc")
    right = [file.read_text() for file in (one, two, three)]
    one.write_text(right[1])
    two.write_text(right[0])
    sums = json.loads(right[2])
    three.write_text(json.dumps({name: each for name, each in sums.items() if "/1." not in name}))
    assert len(sums) == 3 and len(json.loads(three.read_text())) == 2  # threads, and a layer
    with pytest.warns(UserWarning, match="its checksum file lists other files; it will be done"):
        assert letters(tmp_path).missing() == ["a", "b", "c"]
    for part in "abc":
        letters(tmp_path).write(part, index=value(part))
    assert [file.read_text() for file in (one, two, three)] == right


def test_a_part_of_zeros_is_a_part(tmp_path):
    letters(tmp_path).create()
    letters(tmp_path).write("b", index=np.zeros_like(value("b")))
    assert "b" not in letters(tmp_path).missing()  # zarr leaves such a chunk out


@pytest.mark.parametrize("part", PARTS[1:3])
def test_what_a_killed_zarr_was_writing_is_no_chunk(part, tmp_path, filled):
    """It writes '1.2.0' as '1.2.<hexadecimal>.partial' first (zarr/storage/_local.py)."""
    marker = filled.path / f"language-{part}.json"
    right, place = marker.read_text(), PARTS.index(part)
    marker.unlink()
    chunks, digits = filled.path / "array.zarr" / "index", "0123456789" * 3 + "12"
    left = {name: chunks / f"{name}.partial" for name in (
        f"0.{place}.{'deadbeef' * 4}", f"1.{place}.{digits}", f"1.{place}.0.{digits}",
        f"0.5.{'deadbeef' * 4}", f"{place}.0.{digits}")}  # fmt: skip
    for file in left.values():
        file.write_bytes(b"half")
    again = letters(tmp_path)
    assert again.missing() == [part]
    again.write(part, index=value(part))
    assert marker.read_text() == right and letters(tmp_path).missing() == []
    kept = [file.exists() for file in left.values()]  # those of parts that others may be writing
    assert kept == [False, False, False, True, True]
    np.testing.assert_array_equal(again.open()["index"].sel(language=part), value(part))


def test_a_lock_can_be_taken_by_another_user_where_the_folder_is_open(tmp_path):
    before = os.umask(0)
    try:
        with alone(tmp_path / ".x.lock", "x"):
            assert stat.S_IMODE((tmp_path / ".x.lock").stat().st_mode) == 0o666
    finally:
        os.umask(before)


# -- tables -------------------------------------------------------------------------------


def keep(made=TABLE):
    return kept_table("answers", "x", {"a": 1}, lambda: made)


def test_a_flipped_bit_in_a_kept_table_never_goes_unnoticed(data):
    keep()
    (file,) = (data / "answers").glob("*.parquet")
    right = file.read_bytes()
    for place in range(0, len(right), 7):
        file.write_bytes(right[:place] + bytes([right[place] ^ 16]) + right[place + 1 :])
        with pytest.warns(UserWarning, match="was changed or cut short; it will be made again"):
            pd.testing.assert_frame_equal(keep(), TABLE)
        assert file.read_bytes() == right


def test_a_table_of_older_code_has_no_hash_and_is_read(data, monkeypatch):
    keep()
    next((data / "answers").glob("*.sha256")).unlink()
    pd.testing.assert_frame_equal(keep(None), TABLE)  # would fail if it were made


def test_blocks_are_there_until_their_table_is_kept(data, monkeypatch):
    store = TableStore("answers", "x", {"a": 1}, range(2))
    store.create()
    for part in range(2):
        store.write(part, x=np.full(2, part))
    real, killed = tables._write, KeyboardInterrupt()

    def write(table, file):
        raise killed

    monkeypatch.setattr(tables, "_write", write)
    with pytest.raises(KeyboardInterrupt):
        kept_table("answers", "x", {"a": 1}, store.whole)
    assert store.missing() == []
    monkeypatch.setattr(tables, "_write", real)
    assert kept_table("answers", "x", {"a": 1}, store.whole)["x"].tolist() == [0, 0, 1, 1]
    assert not store.path.exists()


def test_a_table_that_is_cut_off_between_its_files_never_lacks_its_hash(data, monkeypatch):
    real, named = os.replace, []

    def replace(path, target):
        named.append(Path(target).suffix)
        real(path, target)

    monkeypatch.setattr(os, "replace", replace)
    kept_table("answers", "x", {"a": 2}, lambda: pd.DataFrame({"x": [1, 2]}))
    assert named[-2:] == [".sha256", ".parquet"]


# -- figures ------------------------------------------------------------------------------


def drawn(values, tolerance=0.1):
    fig, axes = plt.subplots(figsize=(1, 1))
    axes.plot(values)
    table = pd.DataFrame({"value": values})
    return save_figure(fig, "03_x", table, Caption("m", "c"), tolerance=tolerance)


@pytest.mark.parametrize("tolerance", [0.1, None])
@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_figure_killed_between_its_files_is_written_anew(written, tolerance, data, monkeypatch):
    picture = drawn([1.0, 2.0], tolerance)
    other = [2.0, 5.0] if tolerance else [2.0, 5.0, 1.0]
    real, done = figures.written_whole, []

    def killed(path):
        if len(done) == written:
            raise KeyboardInterrupt
        done.append(path)
        return real(path)

    monkeypatch.setattr(figures, "written_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        drawn(other, tolerance)
    plt.close("all")
    monkeypatch.setattr(figures, "written_whole", real)
    drawn(other, tolerance)
    found = [picture.with_suffix(ending).read_bytes() for ending in (".png", ".csv", ".json")]
    for ending in (".png", ".csv", ".json"):
        picture.with_suffix(ending).unlink()
    drawn(other, tolerance)
    right = [picture.with_suffix(ending).read_bytes() for ending in (".png", ".csv", ".json")]
    assert found == right


@pytest.mark.parametrize("text", ["", "{", '{"caption": {}}'])
def test_settings_that_are_damaged_are_written_anew(text, data):
    file = drawn([1.0, 2.0]).with_suffix(".json")
    right = file.read_text()
    file.write_text(text)
    drawn([1.0, 2.0])
    assert file.read_text() == right


def test_a_checkout_that_is_not_installed_saves_figures_too(data, monkeypatch):
    real = figures.version

    def version(package):
        if package == "ilo-helpers":
            raise figures.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(figures, "version", version)
    versions = json.loads(drawn([1.0]).with_suffix(".json").read_text())["versions"]
    assert versions["ilo-helpers"] is None and versions["torch"]


# -- models -------------------------------------------------------------------------------


@pytest.mark.parametrize("packaged_one", [False, True])
def test_a_model_whose_file_was_changed_is_refused(packaged_one, tiny, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    shutil.copytree(tiny("llama"), folder)
    write_sums(folder)
    monkeypatch.setattr("ilo_helpers.models.packaged_model", lambda name: str(folder))
    model = "gemma-3-270m" if packaged_one else folder
    assert load_model(model).layers == 3
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=r"^/.*mine/model.safetensors was changed or cut short"):
        load_model(model)
    for damaged in (b"", b"\xff\x00", b"abc", b"abc  config.json", b"abc  no.json"):
        (folder / digest.SUMS).write_bytes(damaged)
        with pytest.raises(ValueError, match=r"or SHA256SUMS was: delete .*/mine, and the same"):
            load_model(model)


def test_a_model_is_unpacked_once_and_what_a_killed_process_left_is_deleted(data, monkeypatch):
    (data / "models").unlink()
    left = data / "models" / ".mine-abcdefgh" / "mine"
    left.mkdir(parents=True)
    unpacked = []

    def unpack(folder):
        unpacked.append(folder)
        time.sleep(0.2)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(packaged, "PACKAGED", Registry("packaged model"))
    packaged.PACKAGED.add("mine", notice="Mine", hub=None, install="")(unpack)
    threads = [threading.Thread(target=packaged.packaged_model, args=("mine",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(unpacked) == 1
    names = {path.name for path in (data / "models").iterdir()}
    assert names == {"mine", ".mine.lock"}
    assert (data / "models/mine/SHA256SUMS").read_text().count("\n") == 2  # and NOTICE


@pytest.fixture
def task(tmp_path):
    sizes = {"train": 40, "dev": 4, "test": 4}
    rows = [("eng_Latn", split, f"{split}{i}", f"a text {i}", "unit script".split()[i % 2])
            for split, items in sizes.items() for i in range(items)]  # fmt: skip
    columns = ["language", "split", "id", "text", "label"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "toy.csv", index=False)
    return load_task(tmp_path / "toy.csv")


def train(tiny, task):
    words = {"cue": "Kind", "unit": "u", "script": "s"}
    return fine_tune(tiny("llama"), task, words=words, epochs=2)


def test_a_loss_of_an_epoch_is_not_lost_with_a_kill_at_its_end(tiny, task, monkeypatch):
    """A checkpoint of the last step of an epoch is taken when its eval_loss is there."""
    monkeypatch.setattr(finetuning, "CHECKPOINT_SECONDS", -1)  # after every step
    whole = train(tiny, task)
    right = (whole / "loss.csv").read_text()
    for step in range(1, 6):
        shutil.rmtree(whole)
        real = finetuning._keep_checkpoint

        def kill(work, number, step=step, real=real):
            real(work, number)
            for path in work.iterdir():  # a clock that was set back
                os.utime(path, (number * -1 + 10, number * -1 + 10))
            if number == step:
                raise KeyboardInterrupt

        patched = mock.patch.object(finetuning, "_keep_checkpoint", kill)
        with patched, pytest.raises(KeyboardInterrupt):
            train(tiny, task)
        assert train(tiny, task) == whole
        assert (whole / "loss.csv").read_text() == right, step
        assert not list(whole.parent.glob("*.part"))


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", digest.SUMS])
def test_a_checkpoint_that_was_changed_is_not_gone_on_from(name, tiny, task, monkeypatch):
    monkeypatch.setattr(finetuning, "CHECKPOINT_SECONDS", -1)
    whole = train(tiny, task)
    right = (whole / digest.SUMS).read_text()
    shutil.rmtree(whole)
    keep, steps = finetuning._keep_checkpoint, []

    def killed(work, step):
        keep(work, step)
        steps.append(step)
        if step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(finetuning, "_keep_checkpoint", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tiny, task)
    (file,) = whole.parent.glob(f"*.part/whole-000002/{name}")
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    monkeypatch.setattr(finetuning, "_keep_checkpoint", lambda *_: steps.append("anew"))
    with pytest.warns(UserWarning, match="whole-000002 was changed or cut short; training begins"):
        train(tiny, task)
    assert steps[:2] == [1, 2] and steps[2:] == ["anew"] * 6
    assert (whole / digest.SUMS).read_text() == right


def test_what_a_killed_process_left_is_no_file_of_the_model(tiny, task, monkeypatch):
    real = finetuning._save

    def killed(lm, network, folder, *more):
        real(lm, network, folder, *more)
        (folder / ".model.safetensors-half").write_text("half")
        raise KeyboardInterrupt

    with mock.patch.object(finetuning, "_save", killed), pytest.raises(KeyboardInterrupt):
        train(tiny, task)
    folder = train(tiny, task)
    assert not list(folder.glob(".*"))
    lines = (folder / digest.SUMS).read_text().splitlines()
    assert len(lines) == len(list(folder.iterdir())) - 1


def test_a_checkpoint_without_room_is_an_error_that_says_so(tiny, task, monkeypatch):
    def full(*_):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")

    monkeypatch.setattr(finetuning, "_train", full)
    with pytest.raises(DiskError, match=r"\.part is on a disk that is full: make room"):
        train(tiny, task)
    monkeypatch.setattr(finetuning, "_train", None)  # another's error stays as it is
    with pytest.raises(TypeError):
        train(tiny, task)


def test_two_trainings_of_one_run_are_one(tiny, task, monkeypatch):
    made, real = [], finetuning._train
    monkeypatch.setattr(finetuning, "_train", lambda *args: made.append(1) or real(*args))
    threads = [threading.Thread(target=train, args=(tiny, task)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1] and (train(tiny, task) / "run.json").exists()


# -- disks --------------------------------------------------------------------------------


REFUSALS = {
    errno.ENOSPC: "is on a disk that is full", errno.EROFS: "is on a disk that cannot be written",
    errno.EDQUOT: "is on a disk of which this user's share is full",
    errno.EFBIG: "is on a disk, or in a shell, that limits how large a file may be",
}  # fmt: skip
REMEDY = (
    "make room there, or set ILO_DATA (of figures: ILO_FIGURES) to a folder elsewhere; what was "
    "complete is kept, and the same call goes on from it"
)


@pytest.mark.parametrize("number", REFUSALS)
@pytest.mark.parametrize("where", ["file", "folder", "part", "lock", "data"])
def test_what_a_disk_refuses_says_what_to_do(where, number, tmp_path, filled, monkeypatch):
    def refused(*args, **options):
        raise OSError(number, os.strerror(number))

    def act():
        if where == "file":
            with written_whole(tmp_path / "x") as part:
                refused(part)
        if where == "folder":
            with folder_written_whole(tmp_path / "x") as work:
                refused(work)
        if where == "part":
            monkeypatch.setattr(zarr.storage._local, "_put", refused)
            filled.write("b", index=value("b"))
        if where == "lock":
            monkeypatch.setattr("filelock.FileLock.acquire", refused)
            with alone(tmp_path / ".x.lock", "x"):
                pass
        if where == "data":
            monkeypatch.setattr(Path, "mkdir", refused)
            monkeypatch.setenv("ILO_DATA", str(tmp_path))
            data_dir()

    folder = filled.path if where == "part" else tmp_path
    with pytest.raises(DiskError) as caught:
        act()
    assert caught.value.errno == number and isinstance(caught.value.__cause__, OSError)
    assert str(caught.value) == f"[Errno {number}] {folder} {REFUSALS[number]}: {REMEDY}"
    assert not (tmp_path / "x").exists() and not list(tmp_path.glob(".x-*"))


def test_libraries_that_hide_the_number_are_understood_and_others_left_alone(tmp_path):
    told = {
        RuntimeError("I/O error: File too large (os error 27)"): errno.EFBIG,
        RuntimeError("[enforce fail at inline_container.cc:672] . x"): errno.ENOSPC,
    }
    for error, number in told.items():
        with pytest.raises(DiskError) as caught, on_disk(tmp_path / "b"), on_disk(tmp_path / "a"):
            raise error
        assert caught.value.errno == number and caught.value.__cause__ is error
        assert f"{tmp_path}/a is on a disk" in str(caught.value)  # the innermost names the folder
    for error in (ValueError("x"), OSError(errno.EACCES, "no"), KeyError("(os error 2)")):
        with pytest.raises(type(error)) as other, on_disk(tmp_path):
            raise error
        assert other.value is error


# -- names --------------------------------------------------------------------------------


def test_a_long_name_is_cut_and_stays_one_of_its_own():
    assert slug("m" * 120) == "m" * 120
    for name in ("m" * 250, "అ" * 83):
        short = slug(name)
        assert len(short.encode()) <= 120 and short != slug(f"{name}x")


def test_a_name_that_the_terminal_cannot_print_ends_nothing(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    say("2 × అ")
    assert out.buffer.getvalue() == b"2 ? ?\n"


# -- memory -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_free_memory_is_that_of_the_control_group(version, tmp_path, monkeypatch):
    kind, limit, usage, cached = {
        1: ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("", "memory.max", "memory.current", "inactive_file"),
    }[version]
    own = tmp_path / "job" / "step"
    own.mkdir(parents=True)
    for folder, most in ((tmp_path, "max"), (tmp_path / "job", "5000"), (own, "max")):
        (folder / limit).write_text(most)
        (folder / usage).write_text("3000")
        (folder / "memory.stat").write_text(f"{cached} 500\nother 7\n")
    groups = tmp_path / "groups"
    groups.write_text(f"4:cpu:/\n3:{kind}:/job/step\n")
    monkeypatch.setattr(memory, "_GROUPS", {kind: (str(tmp_path), limit, usage)})
    monkeypatch.setattr(memory, "Path", lambda path: groups if "proc" in str(path)
                        else type(tmp_path)(path))  # fmt: skip
    assert memory.free_memory() == 5000 - 3000 + 500


def test_a_model_that_does_not_fit_says_so_in_advance(tiny, monkeypatch):
    lm = load_model(tiny("llama"))
    bytes_ = sum(p.numel() for p in lm.model.parameters()) * 4
    assert memory.weight_bytes(lm.config, torch.float32) == bytes_
    monkeypatch.setattr(memory, "free_memory", lambda: bytes_ - 1)
    with pytest.raises(MemoryError, match="the weights of 'tiny-llama' take .*bfloat16"):
        load_model(tiny("llama")).model  # noqa: B018


# -- the campaign -------------------------------------------------------------------------


def test_a_fault_that_met_nothing_is_drawn_again_and_never_survives():
    drawn_numbers = []

    def once(rng):
        drawn_numbers.append(rng.random())
        return "went on" if len(drawn_numbers) % 4 == 0 else None

    assert trial.drawn(once, "a") == "went on" and len(set(drawn_numbers)) == 4
    first = drawn_numbers.copy()
    assert trial.drawn(once, "a") == "went on" and drawn_numbers == 2 * first  # its seed decides
    with pytest.raises(trial.NotTried, match="nothing happened in 3 draws"):
        trial.drawn(once, "a", 3)


def test_what_is_written_again_is_seen_and_the_rest_is_not(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
    before = trial.stamps(tmp_path)
    (tmp_path / "c").write_text("x")
    trial.unchanged(tmp_path, before)
    with written_whole(tmp_path / "b") as part:
        part.write_text("x")
    with pytest.raises(AssertionError, match=r"made again: b \(1\)"):
        trial.unchanged(tmp_path, before)


def test_the_power_fails_before_a_sync_or_a_renaming(tmp_path):
    """In a child: as far as the file's name, and not to the sync of its folder."""
    journal = tmp_path / "journal"
    found = {}
    for last in range(1, 5):
        folder = trial.fresh(tmp_path / "now")
        journal.unlink(missing_ok=True)

        def do(folder=folder, last=last):
            with power.watched(journal, last), written_whole(folder / "x") as part:
                part.write_text("all")

        status = trial.fork(do, tmp_path / "log").wait()
        lines = [line.get("call", "fsync") for line in power.calls(journal)]
        found[last] = status, lines, (folder / "x").exists()
    assert found == {
        1: (-9, [], False), 2: (-9, ["fsync"], False), 3: (-9, ["fsync", "replace"], True),
        4: (0, ["fsync", "replace", "fsync"], True),
    }  # fmt: skip


def test_the_report_counts_tries_and_says_what_was_not_tried(tmp_path):
    faults = [Fault("disk", "full | empty", "an error", 2, str), Fault("disk", "b", "c", 1, str)]
    line = {"kind": "disk", "seconds": 1, "seed": 0, "number": 1}
    results = [line | {"what": "full | empty", "try": i, "survived": i == 0,
                       "happened": f"said ~ {i}"} for i in range(2)]  # fmt: skip
    results.append(line | {"what": "b", "try": 0, "survived": None, "happened": "needs root"})
    results[0]["details"] = [["corpus", "a|b", "<x>\n`*_*`"]]
    faults.append(Fault("load", "c", "d", 3, str))
    report.write(tmp_path / "x.md", faults, json.loads(json.dumps(results)), 7)
    text = (tmp_path / "x.md").read_text()
    assert "2 faults and inputs in 1 rows, 1 survived" in text and "Seed 7, 20" in text
    assert "| 2 | an error | said | **1 of 2** |" in text
    assert "- disk, b: needs root (1 of 1)\n- load, c: not reached (3 of 3)\n" in text
    assert digest.SUMS not in text
    rows = (tmp_path / "x_inputs.md").read_text().splitlines()
    assert rows[-1] == r"| corpus | a\|b | &lt;x&gt;\\n\`\*\_\*\` |"
    results += [results[1] | {"survived": True}]  # it was repeated: both stand there
    results[1]["repeated"] = True
    report.write(tmp_path / "x.md", faults, json.loads(json.dumps(results)), 7)
    assert "| **1 of 2**, then 2 of 2 |" in (tmp_path / "x.md").read_text()


@pytest.mark.cluster
def test_the_campaign_runs_goes_on_and_writes_its_table(tmp_path, data):
    command = [sys.executable, "-m", "campaign", "--only", "kills", "--minutes", "0.05",
               "--results", tmp_path / "x.jsonl", "--table", tmp_path / "x.md"]  # fmt: skip
    paths = os.pathsep.join([str(Path(__file__).parent), str(ROOT)])
    counts = []
    for _ in range(2):
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = (tmp_path / "x.jsonl").read_text().splitlines()
        tries = [(each["what"], each["try"]) for each in map(json.loads, lines)]
        assert len(tries) == len(set(tries))
        counts.append(len(tries))
    assert 0 < counts[0] < counts[1] and "| kills |" in (tmp_path / "x.md").read_text()
