"""What the explorer says: of one sentence, of a group, and of its own settings as code."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from ..keep.digest import settings_digest
from ..neighbors import KINDS, list_kinds
from .state import Explorer


def neighbors_of(explorer: Explorer, language: str, sentence: str) -> pd.DataFrame:
    """The k neighbours of one sentence at the layer, nearest first.

    Parameters
    ----------
    explorer : Explorer
    language, sentence : str

    Returns
    -------
    pandas.DataFrame
        language, sentence, text, distance, tokens (int), kind (own, translation or other), new
        (bool: brings another language into the list for the first time).

    Raises
    ------
    ValueError
        For a sentence that is not in the pool.
    """
    near, (row, column) = _lists_at(explorer), _place(explorer, language, sentence)
    index = near["index"].values[0, row, column]
    codes = near.language.values[index // near.sizes["sentence"]]
    ids = near.sentence.values[index % near.sizes["sentence"]]
    text = explorer.study.text
    return pd.DataFrame({
        "language": codes, "sentence": ids,
        "text": [text.at[i, code] for i, code in zip(ids, codes, strict=True)],
        "distance": near["distance"].values[0, row, column],
        "tokens": [int(explorer.tokens.sel(language=code, sentence=i))
                   for i, code in zip(ids, codes, strict=True)],
        "kind": np.array(KINDS)[list_kinds(near)[0, row, column]],
        "new": explorer.tally.new[explorer.at, row, column, : len(index)],
    })  # fmt: skip


def tell(explorer: Explorer, language: str, sentence: str) -> str:
    """How a sentence enters the scores of its language, in four short sentences.

    Parameters
    ----------
    explorer : Explorer
    language, sentence : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For a sentence that is not in the pool.
    """
    s, (row, column) = explorer.setting, _place(explorer, language, sentence)
    name, tally = explorer.study.languages.at[language, "name"], explorer.tally
    others, n = tally.met.shape[1] - 1, tally.met.shape[2]
    scores = {key: float(v[explorer.at, row]) for key, v in tally.scores(s.k, s.tau).items()}
    without = tally.without_each(s.k, s.tau)["reach"][column, explorer.at, row]
    alone = round(float(scores["reach"] - without) * others)
    brought = int(tally.count[explorer.at, row, column, s.k - 1])
    sign, verdict = ("≥", "bridge") if brought >= s.tau else ("<", "no bridge")
    return (
        f"{brought} other language{'s' * (brought != 1)} {sign} τ = {s.tau} → {verdict}. "
        f"{name}: {round(scores['bridge'] * n)} of {n} sentences are bridges, "
        f"B = {scores['bridge']:.2f}. Its lists meet {round(scores['reach'] * others)} of {others} "
        f"other languages, {alone} of them in this list alone: R = {scores['reach']:.2f}. "
        f"ILO = 2BR / (B + R) = {scores['ilo']:.3f}."
    )


def group(explorer: Explorer, chosen: Collection[tuple[str, str]]) -> pd.DataFrame:
    """The same of many sentences at the layer, a row a language.

    Parameters
    ----------
    explorer : Explorer
    chosen : list of (str, str)
        Language and sentence of each; those out of the pool do not count.

    Returns
    -------
    pandas.DataFrame
        language, sentences, bridges (int), own, translation, other (shares of the neighbours).
    """
    near, s = _lists_at(explorer), explorer.setting
    kinds = list_kinds(near)[0]
    bridging = explorer.tally.count[explorer.at, ..., s.k - 1] >= s.tau
    rows = []
    for row, code in enumerate(near.language.values):
        wanted = [sentence for language, sentence in chosen if language == code]
        inside = np.isin(near.sentence.values, wanted)
        if inside.any():
            shares = {kind: (kinds[row, inside] == i).mean() for i, kind in enumerate(KINDS)}
            counts = {"sentences": int(inside.sum()), "bridges": int(bridging[row, inside].sum())}
            rows.append({"language": code} | counts | shares)
    return pd.DataFrame(rows, columns=["language", "sentences", "bridges", *KINDS])


def as_code(explorer: Explorer) -> str:
    """The setting as code: running it gives ``scores``, those that the explorer shows.

    Parameters
    ----------
    explorer : Explorer

    Returns
    -------
    str
    """
    s, study = explorer.setting, explorer.study
    given = study.opened | {"k": s.k, "tau": s.tau, "metric": s.metric, "pooling": s.pooling}
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    imports = {"ilo_helpers": ["ilo_scores", "open_study"]}
    lines = [f"study = open_study({arguments})", "acts, neighbors = study.acts, study.neighbors"]
    if not s.offsets:
        imports["ilo_helpers"] += ["nearest_neighbors"]
        imports["ilo_helpers.regions.offsets"] = ["remove_offsets"]
        lines[1] = "acts = remove_offsets(study.acts)"
        lines += [f"neighbors = nearest_neighbors(acts, study.stored, {s.metric!r})"]
    if "slice" in explorer.details() or s.without:
        imports["ilo_helpers.neighbors"] = ["neighbors_within"]
        languages, sentences = s.sizes(study)
        part = f"kept, range({s.sentences[0] - 1}, {s.sentences[1]})"
        size = min(study.stored, languages * sentences - 1)
        lines += [
            f"without = {list(s.without)!r}",
            "kept = [i for i, code in enumerate(study.text) if code not in without]",
            f"neighbors = neighbors_within(neighbors, acts, {size}, {part})",
        ]
    if not s.translations:
        imports.setdefault("ilo_helpers.neighbors", []).append("without_translations")
        lines += [f"neighbors = without_translations(neighbors, {s.k})"]
    lines += [f"scores = ilo_scores(neighbors, k={s.k}, tau={s.tau})",
              f'scores[scores["layer"] == {s.layer}]']  # fmt: skip
    head = [f"from {module} import {', '.join(sorted(names))}" for module, names in imports.items()]
    return "\n".join([*head, "", *lines])


def figure_name(explorer: Explorer) -> str:
    """Name of the figure as shown, one a setting: ``03_explorer-<hash>``."""
    return f"03_explorer-{settings_digest(explorer.setting.__dict__, 8)}"


def _lists_at(explorer):
    """The k nearest of every sentence at the layer."""
    lists = explorer.lists.isel(neighbor=slice(explorer.setting.k))
    return lists.sel(layer=[explorer.setting.layer])


def _place(explorer, language, sentence):
    lists = explorer.lists
    places = [np.flatnonzero(lists[dim].values == label)
              for dim, label in (("language", language), ("sentence", sentence))]  # fmt: skip
    if not all(map(len, places)):
        raise ValueError(f"sentence {sentence} in {language} is not in the pool of this setting")
    return tuple(int(each[0]) for each in places)
