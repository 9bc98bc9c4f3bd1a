"""What a notebook starts from: a text, a model's vectors of it, their neighbours, the scores."""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import xarray as xr

from .activations import extract_activations
from .corpora import load_corpus
from .ilo import check_taus, ilo_scores
from .keep import arguments
from .keep.captions import Caption
from .languages import language_table
from .models import LanguageModel, load_model
from .neighbors import DISTANCES, nearest_neighbors
from .pooling import POOLINGS, pooling_without_first

#: The greatest k that a slider offers, where the corpus has as many sentences.
STORED = 30


def open_study(
    model: str | os.PathLike | LanguageModel = "gemma-3-270m",
    corpus: str | os.PathLike = "udhr",
    split: str | None = None,
    sentences: int | Sequence[str] | None = None,
    languages: Sequence[str] | str | None = None,
    k: int = 5,
    tau: int = 3,
    metric: str = "cosine",
    pooling: str = "mean",
    dtype: str | None = None,
) -> "Study":
    """Open what a notebook starts from; each thing is computed when first asked for, and kept.

    Parameters
    ----------
    model, dtype
        As for :func:`ilo_helpers.load_model`.
    corpus, split, sentences, languages
        As for :func:`ilo_helpers.load_corpus`.
    k, tau : int
        As for :func:`ilo_helpers.ilo_scores`.
    metric : str
        As for :func:`ilo_helpers.nearest_neighbors`.
    pooling : str
        As for :func:`ilo_helpers.extract_activations`.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        As those functions.
    """
    asked: dict[str, object] = {
        "split": split, "sentences": sentences, "languages": languages, "dtype": dtype,
    }  # fmt: skip
    opened: dict[str, object] = {
        "model": str(model) if isinstance(model, os.PathLike) else model,
        "corpus": str(corpus),
    }
    # arrays as lists: they are to be written as code
    opened |= {name: getattr(value, "tolist", lambda v=value: v)()
               for name, value in asked.items() if value is not None}  # fmt: skip
    k, tau = arguments.whole("k", k), arguments.whole("tau", tau)
    metric = arguments.one_of("metric", metric, DISTANCES)
    pooling = arguments.one_of("pooling", pooling, POOLINGS)
    text = load_corpus(corpus, languages=languages, sentences=sentences, split=split)
    lm = load_model(model, dtype=dtype)
    return Study(text, lm, k, tau, metric, pooling, split, opened)


@dataclass(frozen=True)
class Study:
    """A text and a model under one setting; made by :func:`open_study`.

    Parameters
    ----------
    text : pandas.DataFrame
        Sentences × languages.
    model : LanguageModel
    k, tau : int
    metric, pooling : str
    split : str or None
    opened : dict
        What :func:`open_study` was given of text and model.
    """

    text: pd.DataFrame
    model: LanguageModel
    k: int = 5
    tau: int = 3
    metric: str = "cosine"
    pooling: str = "mean"
    split: str | None = None
    opened: dict[str, object] = field(default_factory=dict)

    @property
    def caption(self) -> Caption:
        """The settings, as figures print them."""
        text = self.text.attrs
        return Caption(
            self.model.name, text["name"], len(self.text), self.split, self.k, self.tau,
            self.metric, self.pooling, self.model.dtype,
            provenance=self.model.attrs | {"corpus_fingerprint": text["fingerprint"]},
        )  # fmt: skip

    @functools.cached_property
    def languages(self) -> pd.DataFrame:
        """What is known of the text's languages: :func:`ilo_helpers.language_table`.

        The scripts are those that the text is in.
        """
        table = language_table(list(self.text.columns))
        for code, script in self.text.attrs.get("scripts", {}).items():
            if code in table.index:
                table.loc[code, "script"] = script
        return table

    @property
    def home(self) -> str:
        """English, or the first language where it is not there."""
        return "eng_Latn" if "eng_Latn" in self.text else self.text.columns[0]

    @functools.cached_property
    def bare(self) -> str:
        """The pooling that leaves out BOS, or the first token of a model without one."""
        return pooling_without_first(self.model)

    @functools.cached_property
    def vectors(self) -> dict[str, xr.DataArray]:
        """Activations by pooling, of one pass: ``"mean"``, :attr:`bare` and :attr:`pooling`."""
        return extract_activations(self.model, self.text, sorted({"mean", self.bare, self.pooling}))

    def vectors_of(self, pooling: str) -> xr.DataArray:
        """Activations of any pooling; one that is not among :attr:`vectors` takes a pass more."""
        if pooling in self.vectors:
            return self.vectors[pooling]
        return extract_activations(self.model, self.text, pooling)

    @property
    def acts(self) -> xr.DataArray:
        """Activations, (layer, language, sentence, hidden), float32."""
        return self.vectors[self.pooling]

    @property
    def stored(self) -> int:
        """Neighbours stored: enough for every k with all translations left out, too."""
        return min(max(STORED, self.k) + self.text.shape[1] - 1, self.text.size - 1)

    def neighbors_of(self, pooling: str, metric: str | None = None) -> xr.Dataset:
        """Neighbours under another pooling or metric, as many as :attr:`stored`."""
        return nearest_neighbors(self.vectors[pooling], self.stored, metric or self.metric)

    @functools.cached_property
    def neighbors(self) -> xr.Dataset:
        """Exact neighbours, (layer, language, sentence, neighbor), in memory."""
        return self.neighbors_of(self.pooling).load()

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """Bridge, reach and ILO, a row a layer and language."""
        # what would fail after the search fails before it
        size = self.text.size
        arguments.whole("k", self.k, 1, size - 1, f"with {size} sentences in all")
        check_taus([self.k], [self.tau], self.text.shape[1])
        return ilo_scores(self.neighbors, self.k, self.tau)

    @functools.cached_property
    def by_layer(self) -> pd.Series:
        """Mean ILO over the languages, by layer."""
        return self.scores.groupby("layer")["ilo"].mean()

    @property
    def peak(self) -> int:
        """Layer of the greatest mean ILO."""
        return int(self.by_layer.idxmax())

    @property
    def at_peak(self) -> pd.DataFrame:
        """Scores at that layer, a row a language."""
        return self.scores[self.scores["layer"] == self.peak]
