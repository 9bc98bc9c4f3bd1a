"""Where the explorer's knobs stand, and what a study allows them."""

import dataclasses

import numpy as np

from ..neighbors import DISTANCES
from ..study import STORED, Study


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where all knobs stand.

    Parameters
    ----------
    k, tau, layer : int
    metric : str
    pooling : str
        One of the study's vectors: ``"mean"``, the mean without BOS, or its own.
    translations : bool
        A sentence's own translations may be its neighbours.
    offsets : bool
        The vectors as they are; otherwise each language's mean is subtracted.
    sentences : (int, int)
        First and last of the corpus slice, counted from 1.
    without : tuple of str
        Languages left out of the pool.
    """

    k: int
    tau: int
    layer: int
    metric: str
    pooling: str
    translations: bool
    offsets: bool
    sentences: tuple[int, int]
    without: tuple[str, ...] = ()

    @property
    def pool(self) -> tuple:
        """What decides the neighbour lists."""
        return (self.metric, self.pooling, self.translations, self.offsets, self.sentences,
                self.without)  # fmt: skip

    def sizes(self, study: Study) -> tuple[int, int]:
        """Languages and sentences in the pool."""
        first, last = self.sentences
        return study.text.shape[1] - len(self.without), last - first + 1

    def k_max(self, study: Study) -> int:
        """The greatest k that the lists have."""
        languages, sentences = self.sizes(study)
        return min(STORED, languages * sentences - (1 if self.translations else languages))

    def within(self, study: Study) -> "Setting":
        """The same with k and τ as the pool allows them (τ follows k down), in Python's numbers.

        Raises
        ------
        ValueError
            For a layer, metric, pooling, slice or language there is not, or too few left.
        """
        text, layers = study.text, study.by_layer.index
        self._check_kinds()
        if self.layer not in layers:
            raise ValueError(f"layer {self.layer}: there are {layers.min()} to {layers.max()}")
        for knob, there in (("metric", DISTANCES), ("pooling", study.vectors)):
            if getattr(self, knob) not in there:
                raise ValueError(f"{knob} {getattr(self, knob)!r}: choose {', '.join(there)}")
        first, last = self.sentences
        if not 1 <= first < last <= len(text):
            raise ValueError(f"sentences {first} to {last}: choose two or more of 1 to {len(text)}")
        for code in self.without:
            if code not in text:
                raise ValueError(f"language {code!r} is not in the corpus")
        without = tuple(code for code in text if code in self.without)  # each once, in order
        moved = dataclasses.replace(
            self, without=without, layer=int(self.layer), sentences=(int(first), int(last)),
            translations=bool(self.translations), offsets=bool(self.offsets),
        )  # fmt: skip
        languages, _ = moved.sizes(study)
        if languages < 2:
            raise ValueError(f"{len(without)} languages left out: at least 2 must stay")
        k = int(np.clip(self.k, 1, moved.k_max(study)))
        tau = int(np.clip(self.tau, 1, min(k, languages - 1)))
        return dataclasses.replace(moved, k=k, tau=tau)

    def _check_kinds(self):
        """Whole numbers, yes or no, pairs and lists: a knob of another kind is named."""
        for knob in ("k", "tau", "layer"):
            if not isinstance(getattr(self, knob), int | np.integer):
                raise ValueError(f"{knob} = {getattr(self, knob)!r}: give a whole number")
        for knob in ("translations", "offsets"):
            if not isinstance(getattr(self, knob), bool | np.bool_):
                raise ValueError(f"{knob} = {getattr(self, knob)!r}: give True or False")
        pair = self.sentences
        whole = isinstance(pair, tuple | list) and len(pair) == 2
        if not whole or not all(isinstance(each, int | np.integer) for each in pair):
            raise ValueError(f"sentences = {pair!r}: give the first and the last, such as (1, 20)")
        if isinstance(self.without, str) or not isinstance(self.without, tuple | list):
            raise ValueError(f"without = {self.without!r}: give a list of language codes")
