"""What the explorer knows: a study under a setting that moves. No widgets here."""

import dataclasses
import functools
import itertools

import numpy as np
import pandas as pd
import xarray as xr

from ..ilo import Tally, tally_lists
from ..keep.captions import Caption
from ..keep.stores import what_decides
from ..keep.tables import kept_table
from ..neighbors import (
    KINDS,
    list_kinds,
    nearest_neighbors,
    neighbors_within,
    without_translations,
)
from ..regions.length import token_counts
from ..regions.offsets import remove_offsets
from ..study import Study
from ..validity.alignment import alignment_scores
from ..validity.chance import expected_scores
from ..validity.intervals import jackknife_interval
from .setting import Setting

#: The values of k and τ that the heat map shows.
GRID_K = (*range(1, 11), 15, 20, 25, 30)
GRID_TAU = range(1, 7)


class Explorer:
    """A study, the setting it is looked at under, and what follows from the two.

    Neighbour lists are exact in every setting: searched once and kept for the whole corpus, cut
    from the stored lists for a part of it (:func:`ilo_helpers.neighbors.neighbors_within`).

    Parameters
    ----------
    study : Study
        Its k, tau, metric and pooling are where the knobs begin, and its peak the layer.
    """

    def __init__(self, study: Study):
        self.study = study
        self.pinned: Setting | None = None
        self.setting = Setting(
            study.k, study.tau, study.peak, study.metric, study.pooling,
            True, True, (1, len(study.text)),
        )  # fmt: skip
        self._lists = functools.lru_cache(8)(self._search)
        self._tally = functools.lru_cache(8)(lambda pool: tally_lists(self._lists(pool)))
        self._left_out = functools.lru_cache(4)(
            lambda pool, k, tau: self._tally(pool).without_each(k, tau)
        )
        self._translations = functools.lru_cache(8)(  # share of them, (layer, place in the list)
            lambda pool: (list_kinds(self._lists(pool)) == KINDS.index("translation"))
            .mean(axis=(1, 2))
        )  # fmt: skip
        self._curves = functools.lru_cache(8)(self._curves_of)
        self._surface = functools.lru_cache(8)(self._score_surface)
        self._vectors = functools.lru_cache(2)(
            lambda pooling, offsets: study.vectors[pooling] if offsets
            else remove_offsets(study.vectors[pooling])
        )  # fmt: skip

    def move(self, **changes: object) -> Setting:
        """Set knobs; τ follows k down, and both follow what the pool allows.

        Parameters
        ----------
        **changes
            Fields of :class:`Setting`.

        Returns
        -------
        Setting
            The new one, also in ``setting``.

        Raises
        ------
        ValueError
            For a knob, layer, metric, slice or language there is not, a value of another kind, or
            too few languages left; nothing moves.
        """
        knobs = [field.name for field in dataclasses.fields(Setting)]
        if unknown := [name for name in changes if name not in knobs]:
            raise ValueError(f"no knob {unknown[0]!r}; there are {', '.join(knobs)}")
        moved = dataclasses.replace(self.setting, **changes)  # type: ignore[arg-type]
        self.setting = moved.within(self.study)
        return self.setting

    def k_max(self) -> int:
        """The greatest k that the setting's lists have."""
        return self.setting.k_max(self.study)

    def pin(self) -> None:
        """Keep the setting as A, to compare others with; pinned again, it is let go."""
        self.pinned = None if self.pinned == self.setting else self.setting

    @property
    def languages(self) -> list[str]:
        """Codes in the pool."""
        return [code for code in self.study.text if code not in self.setting.without]

    @property
    def lists(self) -> xr.Dataset:
        """Exact neighbours of every sentence in the pool, (layer, language, sentence, neighbor)."""
        return self._lists(self.setting.pool)

    def scores(self, setting: Setting | None = None) -> pd.DataFrame:
        """Scores with the jackknife's 95% interval of ILO.

        Returns
        -------
        pandas.DataFrame
            layer, language, bridge, reach, ilo, low, high; a row a layer and language.
        """
        setting = setting or self.setting
        near, tally = self._lists(setting.pool), self._tally(setting.pool)
        found = tally.scores(setting.k, setting.tau)
        left_out = self._left_out(setting.pool, setting.k, setting.tau)["ilo"]
        low, high = jackknife_interval(found["ilo"], left_out)
        layer, language = np.meshgrid(near.layer, near.language, indexing="ij")
        columns = {"layer": layer, "language": language, **found, "low": low, "high": high}
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()})

    def curves(self, setting: Setting | None = None) -> pd.DataFrame:
        """Means over the languages by layer, and what to hold them against.

        Returns
        -------
        pandas.DataFrame
            Index layer; ilo with low and high (jackknife, 95%), bridge, reach; translation (their
            share of the neighbours); chance (ILO of random lists); P@1 (whole corpus, all pairs).
        """
        # no layer decides all of them: moving through the layers counts nothing anew
        return self._curves(dataclasses.replace(setting or self.setting, layer=0))

    def _curves_of(self, setting):
        near, tally = self._lists(setting.pool), self._tally(setting.pool)
        found = tally.scores(setting.k, setting.tau)
        means = {name: values.mean(axis=1) for name, values in found.items()}
        left_out = self._left_out(setting.pool, setting.k, setting.tau)["ilo"].mean(axis=2)
        means["low"], means["high"] = jackknife_interval(means["ilo"], left_out)
        table = pd.DataFrame(means, pd.Index(near.layer.values, name="layer"))
        table["translation"] = self._translations(setting.pool)[:, : setting.k].mean(axis=1)
        languages, sentences = setting.sizes(self.study)
        table["chance"] = expected_scores(
            sentences, languages, setting.k, setting.tau, setting.translations
        )["ilo"]
        return table.assign(**{"P@1": self._precision(setting)})

    def grid(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Mean ILO at the layer, and the layer of its peak, for every k (row) and τ (column).

        Returns
        -------
        tuple of pandas.DataFrame
            NaN where τ is more than k.
        """
        surface, ks, taus = self._surface(self.setting.pool)
        rows, columns = pd.Index(ks, name="k"), pd.Index(taus, name="tau")
        peaks = self.lists.layer.values[np.nan_to_num(surface).argmax(axis=2)].astype(float)
        peaks[np.isnan(surface[..., 0])] = np.nan
        return pd.DataFrame(surface[..., self.at], rows, columns), pd.DataFrame(
            peaks, rows, columns
        )

    @property
    def at(self) -> int:
        """Place of the layer among the lists'."""
        return self.lists.layer.values.tolist().index(self.setting.layer)

    @functools.cached_property
    def tokens(self) -> xr.DataArray:
        """Tokens of each sentence, int (language, sentence), without special ones."""
        return token_counts(self.study.model, self.study.text)

    @property
    def tally(self) -> Tally:
        """Languages counted in the lists of the setting."""
        return self._tally(self.setting.pool)

    def bridging(self) -> set[tuple[str, str]]:
        """Language and sentence of every bridge at the layer."""
        s, lists = self.setting, self.lists
        rows, columns = np.nonzero(self.tally.count[self.at, ..., s.k - 1] >= s.tau)
        return {*zip(lists.language.values[rows].tolist(),
                     lists.sentence.values[columns].tolist(), strict=True)}  # fmt: skip

    @property
    def caption(self) -> Caption:
        """The settings that figures print; :meth:`details` has the others."""
        s = self.setting
        return self.study.caption.but(
            k=s.k, tau=s.tau, metric=s.metric, pooling=s.pooling,
            sentences=self.lists.sizes["sentence"],
        )  # fmt: skip

    def details(self) -> dict[str, object]:
        """What else decides the numbers, where it is not as it is."""
        s, found = self.setting, dict[str, object]()
        if not s.translations:
            found["left_out"] = "translations"
        if not s.offsets:
            found["removed"] = "mean of each language"
        if s.sentences != (1, len(self.study.text)):
            found["slice"] = f"sentences {s.sentences[0]} to {s.sentences[1]}"
        if s.without:
            found["without"] = " ".join(s.without)
        return found

    def _whole(self, metric, pooling, offsets):
        """Lists of the whole corpus, kept on disk."""
        return nearest_neighbors(self._vectors(pooling, offsets), self.study.stored, metric).load()

    def _search(self, pool):
        metric, pooling, translations, offsets, (first, last), without = pool
        near, text = self._whole(metric, pooling, offsets), self.study.text
        if (first, last) != (1, len(text)) or without:
            kept = [place for place, code in enumerate(text) if code not in without]
            k = min(self.study.stored, len(kept) * (last - first + 1) - 1)
            near = neighbors_within(
                near, self._vectors(pooling, offsets), k, kept, np.arange(first - 1, last)
            )
        if translations:
            return near
        return without_translations(near, near.sizes["neighbor"] - near.sizes["language"] + 1)

    def _score_surface(self, pool):
        """Mean ILO, float64 (k, tau, layer), with the values of k and τ."""
        tally = self._tally(pool)
        languages, _, stored = tally.met.shape[1:]
        ks = [k for k in GRID_K if k <= stored]
        taus = [tau for tau in GRID_TAU if tau < languages]
        surface = np.full((len(ks), len(taus), len(tally.met)), np.nan)
        for (row, k), (column, tau) in itertools.product(enumerate(ks), enumerate(taus)):
            if tau <= k:
                surface[row, column] = tally.scores(k, tau)["ilo"].mean(axis=1)
        return surface, ks, taus

    def _precision(self, setting):
        """P@1 by layer of the whole corpus, kept on disk: it takes seconds to minutes."""
        acts = self._vectors(setting.pooling, setting.offsets)
        name, decides = f"{self.study.model.name}--precision", ["P@1", what_decides(acts)]
        kept = kept_table("explorer", name, decides, lambda: _mean_precision(acts))
        return kept.set_index("layer")["value"]


def _mean_precision(acts):
    found = alignment_scores(acts, "P@1", None, keep=False)
    return found.groupby("layer", as_index=False)["value"].mean()
