"""What a bad input is: a case of the tables that tests/bad_input.py puts together."""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from conftest import CORPUS, LANGUAGES, save_tiny_model
from made import world

from ilo_helpers import load_corpus, load_model, nearest_neighbors

#: Two languages of two sentences, which nothing is wrong with.
GOOD = {"eng_Latn.txt": "one\ntwo\n", "deu_Latn.txt": "eins\nzwei\n"}


@dataclass(frozen=True)
class Case:
    """One input, and what is promised of it.

    Parameters
    ----------
    where : str
        corpus, task, model, parameter, activations or command line.
    what : str
        The input, in words; no two cases of one place have the same.
    run : callable
        Called with an empty folder; gives the input to the package. Of an input that is to be
        accepted it returns two things that must be equal: what came out, and what should.
    told : tuple of str
        Words that the error must hold, two at least: thing, place and remedy. Empty: the input is
        accepted.
    kept : tuple of str
        Names of the results that lie in the data folder after the error: what was complete by
        then. (A store may be laid out, without a part.)
    """

    where: str
    what: str
    run: Callable[[Path], object]
    told: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def promised(self) -> str:
        """In words."""
        if not self.told:
            return "accepted, with the value it stands for"
        return f"one error of our own, with the words {', '.join(map(repr, self.told))}"


def files(folder, contents):
    """Write files, text or bytes, into a folder below one, and return it."""
    folder = folder / "mine"
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@functools.cache
def small():
    """Three paragraphs in three languages."""
    return load_corpus(CORPUS, languages=LANGUAGES[:3], sentences=3)


@functools.cache
def tiny(kind="llama"):
    """Folder of a tiny model, made once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="ilo-models-"))
    return save_tiny_model(kind, folder / f"tiny-{kind}", small().to_numpy().ravel())


@functools.cache
def loaded():
    """The tiny model, loaded once."""
    return load_model(tiny())


@functools.cache
def vectors():
    """Random vectors: 2 layers, 4 languages, 5 sentences, 8 numbers."""
    values = np.random.default_rng(0).normal(size=(2, 4, 5, 8)).astype(np.float32)
    return world(values, ["eng_Latn", "deu_Latn", "fra_Latn", "tha_Thai"])


@functools.cache
def lists():
    """Eight neighbours of each of them."""
    return nearest_neighbors(vectors(), k=8, keep=False)


def changed(place, value):
    """The vectors with another value at one place."""
    acts = vectors().copy(deep=True)
    acts[place] = value
    return acts


def dataset_values(dataset):
    """Arrays of a dataset as lists, for comparing."""
    assert isinstance(dataset, xr.Dataset)
    return {name: array.values.tolist() for name, array in dataset.items()}
