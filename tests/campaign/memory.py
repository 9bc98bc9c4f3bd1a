"""Less memory than there seems to be: a control group of 4 GB."""

import functools
import os
import re
import signal
import sys
from pathlib import Path

import numpy as np

from .scenes import CORPUS, LANGUAGES, WORDS, in_folder
from .trial import Fault, NotTried, fork, fresh

#: Version 1 of Linux's control groups, and version 2.
GROUPS = {Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
          Path("/sys/fs/cgroup"): "memory.max"}  # fmt: skip
GB = 10**9
RUNS = "it runs; it is never killed"
SAYS = "it says in advance how much it takes, how much is free, and what to change"
#: The default steps with the real model, as a reader runs them, on two of the languages.
FRESH = """
import ilo_helpers as ilo
corpus = ilo.load_corpus("udhr", languages=["eng_Latn", "deu_Latn"])
acts = ilo.extract_activations("gemma-3-270m", corpus)
assert len(ilo.ilo_scores(ilo.nearest_neighbors(acts, k=10), k=5, tau=1)) == 2 * 19
"""


def faults(place: Path, inputs: Path, seed: int) -> list[Fault]:
    """Steps within so many bytes."""
    cases = {
        "Gemma 3 270M, the Declaration in two languages, in a new interpreter: vectors, neighbours "
        "and scores in 4 GB": (4 * GB, fresh_interpreter, RUNS),
        "Gemma 3 270M: vectors and neighbours of a slice in 4 GB": (4 * GB, real, RUNS),
        "Gemma 3 270M: vectors in 1 GB": (1 * GB, real, SAYS),
        "neighbours of 31,372 vectors of 640 numbers in 4 GB": (4 * GB, search, RUNS),
        "neighbours of 31,372 vectors of 640 numbers in 1 GB": (1 * GB, search, RUNS),
        "a model of 8 billion weights in 4 GB": (4 * GB, large, SAYS),
        "training all of Gemma 3 270M in 4 GB": (4 * GB, training, SAYS),
        "vectors, neighbours and scores of the small model in 1 GB": (GB, small, RUNS),
    }
    return [
        Fault("memory", what, case[-1], 1, functools.partial(limited, place, inputs, *case))
        for what, case in cases.items()
    ]


def limited(place: Path, inputs: Path, size: int, do, promise: str, number: int) -> str:
    """Run a function in a group of its own."""
    root = next((root for root, name in GROUPS.items() if (root / "cgroup.procs").exists()), None)
    group = root and root / f"campaign-{os.getpid()}"
    if do in (real, training, fresh_interpreter):
        needed = Path(os.environ["CAMPAIGN_DATA"]) / "models" / "gemma-3-270m"
        if not needed.exists():
            raise NotTried("the model is not unpacked: run load_model('gemma-3-270m').model once")
    try:
        group.mkdir()
    except (OSError, AttributeError):
        raise NotTried("no control group of memory can be made here (Linux, root)") from None
    try:
        (group / GROUPS[root]).write_text(str(size))
        folder = fresh(place / "limited")

        def inside():
            (group / "cgroup.procs").write_text(str(os.getpid()))
            in_folder(functools.partial(do, place), inputs, folder)

        child = fork(inside, place / "log")
        status, said = child.wait(600), child.said()
    finally:
        group.rmdir()
    assert status != -signal.SIGKILL, "it was killed for want of memory"
    if promise == RUNS:
        assert status == 0, said
        return "ran"
    assert status == 1, f"ended with {status}: {said}"
    asked = re.search(r"MemoryError: .* take [\d.]+ GB, and [\d.]+ GB of memory are free: take",
                      said) or said.startswith("ValueError: memory")  # fmt: skip
    assert asked, f"not what was promised: {said}"
    return f"an error in advance ~ {said}"


def linked() -> None:
    """The real models, and the Declaration, in this folder, too."""
    data = Path(os.environ["ILO_DATA"])
    data.mkdir(parents=True, exist_ok=True)
    for name in ("models", "corpora"):
        (data / name).symlink_to(Path(os.environ["CAMPAIGN_DATA"]) / name)


def fresh_interpreter(place: Path, inputs: Path) -> None:
    """Nothing imported yet: what packages take counts, too."""
    linked()
    root = str(Path(__file__).parents[2])
    os.execve(sys.executable, [sys.executable, "-c", FRESH], os.environ | {"PYTHONPATH": root})


def real(place: Path, inputs: Path) -> None:
    """Two languages, three sentences."""
    from ilo_helpers import extract_activations, load_corpus, nearest_neighbors

    linked()
    text = load_corpus(CORPUS, languages=LANGUAGES[:2], sentences=3)
    nearest_neighbors(extract_activations("gemma-3-270m", text), 2)


def search(place: Path, inputs: Path) -> None:
    """Neighbours within one layer."""
    import xarray as xr

    from ilo_helpers import nearest_neighbors

    values = np.random.default_rng(0).standard_normal((1, 31, 1012, 640), np.float32)
    coords = {"layer": [0], "language": [f"l{i}" for i in range(31)], "sentence": range(1012)}
    dims = ("layer", "language", "sentence", "hidden")
    nearest_neighbors(xr.DataArray(values, dims=dims, coords=coords), 10)


def large(place: Path, inputs: Path) -> None:
    """A configuration of 8 billion weights; it must be refused before a weight is read."""
    import json
    import shutil

    from ilo_helpers import load_model

    folder = place / "large"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(inputs / "tiny", folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
               "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
               "vocab_size": 128256}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    load_model(folder).model  # noqa: B018  (its weights are read)


def training(place: Path, inputs: Path) -> None:
    """Weights, gradients and AdamW's two moments: 4.3 GB."""
    from ilo_helpers.training.finetuning import fine_tune
    from ilo_helpers.training.tasks import load_task

    linked()
    fine_tune("gemma-3-270m", load_task(inputs / "toy.csv"), words=WORDS, epochs=1)


def small(place: Path, inputs: Path) -> None:
    """What all other trials run."""
    from ilo_helpers import open_study

    assert len(open_study(inputs / "tiny", CORPUS).scores)
