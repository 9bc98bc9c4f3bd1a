"""What the ILO paper claims, and the numbers here that bear on it: a function a claim.

The claims are in our words. Each function takes tables that notebooks 3 to 8 wrote, and returns
findings; a number counts in the direction of its claim. Early layers are what the first eight
blocks give, the ones the paper's code freezes.
"""

import numpy as np
import pandas as pd

from ..languages import language_table
from ..training.comparison import compare_arms, compare_as_well_learned, summarize_runs
from ..training.sweep import by_language
from .measures import BASELINES
from .verdicts import (
    CONTRADICTED,
    UNTESTED,
    Claim,
    Finding,
    of_seeds,
    over_seeds,
    verdict_of,
    without_each,
)

EARLY = 8
#: The arm of the paper's code: token table and first blocks frozen.
FROZEN = f"table+first-{EARLY}"
#: A change of ILO, of P@1 or of a share of right answers that counts as none.
SMALL = 0.01


def _at_peak(layers):
    """Figure b: ILO where it is greatest."""
    top = layers.loc[layers["ilo"].idxmax()]
    why = "the paper's numbers by layer are not public to us"
    setting = f"layer {top['layer']:.0f} of {layers['layer'].max()}"
    return [Finding(top["ilo"], top["low"], top["high"], UNTESTED, setting, why)]


def _spread(scores):
    """Figures b, c: do languages differ by more than the error of their ILO?"""

    def of(part):
        error = ((part["high"] - part["low"]) / 3.92) ** 2
        return float(np.sqrt(max(0, part["ilo"].var() - error.mean())))

    value, low, high = _over_families(scores, of)
    why = "a standard deviation is never below 0: none could have spoken against it"
    return [Finding(value, low, high, UNTESTED, f"layer {scores['layer'].iloc[0]}", why)]


def _bands(scores):
    """Figure d: ILO of languages with many resources less that of those with few."""

    def of(part):
        means = part.groupby("resource_band")["ilo"].mean()
        return means.get("high", np.nan) - means.get("low", np.nan)

    value, low, high = _over_families(scores, of)
    why = "the paper's groups are not public to us; these are ours"
    return [Finding(value, low, high, UNTESTED, f"layer {scores['layer'].iloc[0]}", why)]


def _over_families(scores, of):
    known = language_table(list(scores["language"]))[["family", "resource_band"]]
    known = scores.join(known, on="language")
    return without_each(known["family"], lambda f: of(known[known["family"] != f]), of(known))


def _kept_by_maps(quality):
    """Figure a: what a map keeps of the neighbours."""
    peak = quality.loc[quality["ilo"].where(quality["method"] == "full space").idxmax(), "layer"]
    kept = quality[quality["layer"] == peak].set_index("method")["kept"]
    why = "the maps' settings are not public to us, and a map is no measure"
    return [Finding(kept["UMAP"], setting=f"UMAP, layer {peak}", why=why)]


def _same_peak(ablation):
    """Figure e: with how many settings is the peak where k = 5, τ = 3 has it?"""
    top = ablation.groupby(["k", "tau"])["ilo"].idxmax()
    peaks = ablation.loc[top].set_index(["k", "tau"])["layer"]
    if (5, 3) not in peaks:
        return []
    why = "neither the paper's abstract nor its code says by what they are best"
    setting = f"{len(peaks)} settings, layer {peaks[5, 3]}"
    return [Finding((peaks == peaks[5, 3]).mean(), setting=setting, why=why)]


def _shared_region(regions):
    """Is there a region that languages of several families share?"""
    top = regions.loc[regions["shared"].idxmax()]
    value = top["shared"] * top["other_family"]
    why = "the paper's definition is not public to us; random neighbours give nearly 1"
    return [Finding(value, setting=f"layer {top['layer']:.0f}", why=why)]


def _shared_meaning(kinds):
    """Of neighbours in other languages, how many are translations, against chance?"""
    top, sentences = _as_it_is(kinds), kinds.attrs["caption"].sentences
    value = top["translation"] / (top["translation"] + top["other"])
    all_layers = kinds[kinds["vectors"] == "as it is"].set_index("layer")
    of_foreign = all_layers["translation"] / (1 - all_layers["own"])
    why = f"from {of_foreign.min():.2f} to {of_foreign.max():.2f} over the layers"
    setting = f"layer {top['layer']:.0f}; chance {1 / sentences:.3f}"
    low, high = (top.get(f"translations_{end}", np.nan) for end in ("low", "high"))
    why += "; a table by older code, without an interval" * bool(np.isnan(low))
    verdict = verdict_of(low, high, floor=1 / sentences)
    return [Finding(value, low, high, verdict, setting, why)]


def _fragments_of_families(fragments):
    """Outside the shared region: how many lie in a fragment of one family's languages?"""
    shared = fragments[fragments["fragment"] == 0]
    layer = shared.loc[shared["size"].idxmax(), "layer"]
    outside = fragments[(fragments["layer"] == layer) & (fragments["fragment"] > 0)]
    one_language = outside["language_share"] >= 0.9
    one_family = (outside["family_share"] >= 0.9) & ~one_language
    share = outside["size"] / outside["size"].sum()
    why = f"{share[one_language].sum():.2f} more in fragments of one language; no control"
    return [Finding(share[one_family].sum(), setting=f"layer {layer}", why=why)]


def _offsets_undone(kinds):
    """What taking away one vector a language adds to the translations among the neighbours."""
    top = _as_it_is(kinds)
    at = kinds[kinds["layer"] == top["layer"]].set_index("vectors")["translation"]
    value = at["means subtracted"] - at["as it is"]
    setting = f"layer {top['layer']:.0f}, {at['as it is']:.2f} to {at['means subtracted']:.2f}"
    why = "whether such a shift is a limit of representation, the paper's terms would have to say"
    return [Finding(value, setting=setting, why=why)]


def _as_it_is(kinds):
    part = kinds[kinds["vectors"] == "as it is"]
    return part.loc[part["ilo"].idxmax()]


def _disrupted(column):
    """Figure f: what full training takes from the early layers, at every rate."""

    def judge(runs, layers, languages):
        of = _change(runs, layers, column).loc[:, 1:EARLY].mean(axis=1)
        before = layers.loc[layers["run"] == _untrained(runs)].set_index("layer")[column]
        there = f"of {before.loc[1:EARLY].mean():.2f} before; the paper's training is not known"
        found = _doses(_answered(runs, languages), -of, "none").values()
        return [each._replace(why="; ".join(filter(None, [each.why, there]))) for each in found]

    return judge


def _preserved(runs, layers, languages):
    """Figure g: what freezing saves above the frozen layers, which cannot move themselves.

    Where full training takes nothing from them, there is nothing to save.
    """
    change = _change(runs, layers, "precision").loc[:, EARLY + 1 :].mean(axis=1)
    results, found = _answered(runs, languages), []
    lost = _doses(results, -change, "none")
    for dose, kept in _doses(results, change, FROZEN, "none").items():
        judged = kept.verdict != UNTESTED and kept.high > -SMALL  # a harm would still be one
        if judged and lost[dose].verdict == CONTRADICTED:
            why = "full training took nothing that freezing could have saved"
            why = f"{why} ({lost[dose].value:.3f})".replace("-", "−")
            kept = kept._replace(verdict=UNTESTED, why=why)
        found.append(kept)
    return found


def _answered(runs, languages):
    """Answers of every run, by language; a task learned in another than English says in which."""
    results = by_language({"runs": runs, "languages": languages})
    elsewhere = results["trained_on"] != "eng_Latn"
    return results.assign(
        task=results["task"].mask(elsewhere, results["task"] + ", " + results["trained_on"])
    )


def _change(runs, layers, column):
    """A measure less what it was before training, (run, layer)."""
    wide = layers.pivot(index="run", columns="layer", values=column)
    return wide - wide.loc[_untrained(runs)]


def _untrained(runs):
    return runs.loc[runs["epochs"] == 0, "run"].iloc[0]


def _doses(results, change, arm, less=None):
    """By task and rate: the mean change in an arm, less that in another seed by seed."""
    found = {}
    runs = summarize_runs(results) if len(results) else results
    for (task, rate), part in runs.groupby(["task", "learning_rate"]):
        by_seed = part.assign(change=part["run"].map(change))
        by_seed = by_seed.pivot_table(index="seed", columns="freeze", values="change")
        if {arm, less or arm} <= {*by_seed}:
            effect = by_seed[arm] - by_seed[less] if less else by_seed[arm]
            finding = over_seeds(effect.dropna(), f"{task}, {rate:g}", SMALL)
            found[task, rate] = _sound(finding, part, [arm, less])
    return found


def _sound(finding, runs, arms):
    """The finding, without a verdict where most runs of an arm ruin the model."""
    ruined = runs[runs["freeze"].isin(arms)].groupby("freeze")["ruined"].mean()
    if (ruined <= 0.5).all():
        return finding
    return finding._replace(verdict=UNTESTED, why="most runs of an arm ruin the model")


def _transferred(baseline):
    """Figure h: what the paper's arm gains in the other languages over another arm."""

    def judge(runs, languages):
        found = []
        for task, part in _answered(runs, languages).groupby("task"):
            runs_of = summarize_runs(part)
            compared = compare_arms(part, baseline), compare_as_well_learned(part, baseline)
            for row in pd.concat(compared).sort_values("learning_rate").to_dict("records"):
                if row["freeze"] == FROZEN:
                    rate = row.get("learning_rate", np.nan)
                    how = "as well learned" if np.isnan(rate) else f"{rate:g}"
                    ends = row["difference"], row["low"], row["high"]
                    finding = of_seeds(*ends, row["seeds"], f"{task}, {how}", SMALL)
                    at_rate = runs_of[runs_of["learning_rate"] == rate]
                    found.append(_sound(finding, at_rate, [FROZEN, baseline]))
        return found

    return judge


def _predicts(word):
    """Figure i: does ILO, its layer chosen on half of the families, tell a skill on the others?"""

    def judge(choice, by_layer):
        layers = dict(list(by_layer[by_layer["measure"] == "ILO"].groupby("skill")))
        asked = choice[(choice["measure"] == "ILO") & choice["skill"].str.contains(word)]
        found = []
        for row in asked.itertuples():
            above = layers[row.skill]["partial_low"] > 0
            why = f"the spread over halves ({row.low:.2f} to {row.high:.2f}) is no interval; given "
            why += f"resources and script, surely above 0 at {above.sum()} of {len(above)} layers"
            plain = choice[(choice["skill"] == row.skill) & choice["measure"].isin(BASELINES)]
            why += "".join(f"; {at.measure} alone {at.tried:.2f}" for at in plain.itertuples())
            found.append(Finding(row.tried, setting=row.skill, why=why.replace("-", "−")))
        return found

    return judge


_SWEEP = ("05_runs", "05_layers", "05_languages")
_CHOICE = ("08_layer_choice", "08_prediction")
CLAIMS = [
    Claim("a", "sentence vectors drawn as a map",
          "share of the neighbours that the map keeps", "none", ("04_map_quality",), _kept_by_maps),
    Claim("b", "ILO by layer",
          "mean ILO where it is greatest",
          "documents (UDHR), sentences (FLORES)", ("07_layers",), _at_peak),
    Claim("b, c", "languages are aligned inconsistently",
          "SD of ILO over languages, less the error by documents (UDHR), sentences (FLORES)",
          "families", ("07_languages",), _spread),
    Claim("d", "ILO by groups of languages",
          "mean ILO, many resources less few", "families", ("07_languages",), _bands),
    Claim("e", "k = 5 and τ = 3 are the best settings (a claim of the code)",
          "share of the settings with the same peak", "none", ("03_k_tau",), _same_peak),
    Claim("text", "there is a region that languages share",
          "sentences in it with a neighbour of another family",
          "none", ("04_shared",), _shared_region),
    Claim("text", "what is shared is meaning",
          "translations among the neighbours in other languages",
          "documents (UDHR), sentences (FLORES)", ("04_offsets",), _shared_meaning),
    Claim("text", "outside it are fragments",
          "sentences outside that are in a fragment of several languages of one family",
          "none", ("04_fragments",), _fragments_of_families),
    Claim("text", "fragments come of limits of representation",
          "translations gained by taking away a vector a language",
          "none", ("04_offsets",), _offsets_undone),
    Claim("f", "training on one language disrupts early layers",
          "loss of ILO, layers 1 to 8", "seeds", _SWEEP, _disrupted("ilo")),
    Claim("f", "the same, by the translation as nearest sentence",
          "loss of P@1, layers 1 to 8", "seeds", _SWEEP, _disrupted("precision")),
    Claim("g", "freezing the early layers preserves alignment",
          "P@1 above them: frozen less full training", "seeds", _SWEEP, _preserved),
    Claim("h", "freezing them helps the other languages",
          "accuracy there: frozen less full training",
          "seeds and items", _SWEEP[::2], _transferred("none")),
    Claim("h", "and it is the blocks that do, not the table of tokens",
          "accuracy there: both frozen less the table alone",
          "seeds and items", _SWEEP[::2], _transferred("table")),
    Claim("i", "ILO goes with performance: a linear classifier",
          "ρ of a classifier, on families that chose no layer",
          "none: spread over halves", _CHOICE, _predicts("probe")),
    Claim("i", "… the model's answers after training",
          "ρ of the answers, on families that chose no layer",
          "none: spread over halves", _CHOICE, _predicts("after")),
    Claim("i", "… what training adds",
          "ρ of the gain, on families that chose no layer",
          "none: spread over halves", _CHOICE, _predicts("gain")),
]  # fmt: skip
