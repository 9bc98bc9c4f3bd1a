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
from .verdicts import (
    SEEDS,
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
    known = scores.join(language_table(list(scores["language"]))["family"], on="language")

    def of(part):
        error = ((part["high"] - part["low"]) / 3.92) ** 2
        return float(np.sqrt(max(0, part["ilo"].var() - error.mean())))

    found = without_each(known["family"], lambda f: of(known[known["family"] != f]), of(known))
    return [Finding(*found, verdict_of(*found), f"layer {scores['layer'].iloc[0]}")]


def _bands(scores):
    """Figure d: ILO of languages with many resources less that of those with few."""
    known = language_table(list(scores["language"]))[["family", "resource_band"]]
    known = scores.join(known, on="language")

    def of(part):
        means = part.groupby("resource_band")["ilo"].mean()
        return means.get("high", np.nan) - means.get("low", np.nan)

    found = without_each(known["family"], lambda f: of(known[known["family"] != f]), of(known))
    why = "the paper's groups are not public to us; these are ours"
    return [Finding(*found, UNTESTED, f"layer {scores['layer'].iloc[0]}", why)]


def _kept_by_maps(quality):
    """Figure a: what a map keeps of the neighbours."""
    peak = quality.loc[quality["ilo"].where(quality["method"] == "full space").idxmax(), "layer"]
    kept = quality[quality["layer"] == peak].set_index("method")["kept"]
    why = "the maps' settings are not public to us, and a map is no measure"
    return [Finding(kept["UMAP"], setting=f"UMAP, layer {peak}", why=why)]


def _same_peak(ablation):
    """Figure e: with how many settings is the peak where k = 5, τ = 3 has it?"""
    peaks = ablation.groupby(["k", "tau"])[["layer", "ilo"]].apply(
        lambda part: part.loc[part["ilo"].idxmax(), "layer"]
    )
    if (5, 3) not in peaks:
        return []
    why = "the paper does not say by what they are best"
    setting = f"{len(peaks)} settings, layer {peaks[5, 3]}"
    return [Finding((peaks == peaks[5, 3]).mean(), setting=setting, why=why)]


def _shared_region(regions):
    """Is there a region that languages of several families share?"""
    top = regions.loc[regions["shared"].idxmax()]
    value = top["shared"] * top["other_family"]
    why = "neighbours drawn at random would give nearly 1"
    return [Finding(value, np.nan, np.nan, verdict_of(value), f"layer {top['layer']:.0f}", why)]


def _shared_meaning(kinds):
    """Of neighbours in other languages, how many are translations, against chance?"""
    top, sentences = _as_it_is(kinds), kinds.attrs["caption"].sentences
    value = top["translation"] / (top["translation"] + top["other"])
    all_layers = kinds[kinds["vectors"] == "as it is"].set_index("layer")
    of_foreign = all_layers["translation"] / (1 - all_layers["own"])
    why = f"from {of_foreign.min():.2f} to {of_foreign.max():.2f} over the layers"
    setting = f"layer {top['layer']:.0f}; chance {1 / sentences:.3f}"
    verdict = verdict_of(value, floor=1 / sentences)
    return [Finding(value, np.nan, np.nan, verdict, setting, why)]


def _fragments_of_families(fragments):
    """Outside the shared region: how many sentences lie in a fragment of one family?"""
    shared = fragments[fragments["fragment"] == 0]
    layer = shared.loc[shared["size"].idxmax(), "layer"]
    outside = fragments[(fragments["layer"] == layer) & (fragments["fragment"] > 0)]
    of_one = outside.loc[outside["family_share"] >= 0.9, "size"].sum()
    value = of_one / outside["size"].sum()
    return [Finding(value, np.nan, np.nan, verdict_of(value, floor=0.5), f"layer {layer}")]


def _offsets_undone(kinds):
    """What taking away one vector a language adds to the translations among the neighbours."""
    top = _as_it_is(kinds)
    at = kinds[kinds["layer"] == top["layer"]].set_index("vectors")["translation"]
    value = at["means subtracted"] - at["as it is"]
    setting = f"layer {top['layer']:.0f}, {at['as it is']:.2f} to {at['means subtracted']:.2f}"
    why = "what an offset hides is no lack; whether the rest is one, nothing here tells"
    return [Finding(value, setting=setting, why=why)]


def _as_it_is(kinds):
    part = kinds[kinds["vectors"] == "as it is"]
    return part.loc[part["ilo"].idxmax()]


def _disrupted(column):
    """Figure f: what full training takes from the early layers, at every rate."""

    def judge(runs, layers, languages):
        change = -_change(runs, layers, column).loc[:, 1:EARLY].mean(axis=1)
        return _doses(_trained(runs, languages), change, "none")

    return judge


def _preserved(runs, layers, languages):
    """Figure g: what freezing saves above the frozen layers, which cannot move themselves."""
    change = _change(runs, layers, "precision").loc[:, EARLY + 1 :].mean(axis=1)
    return _doses(_trained(runs, languages), change, FROZEN, "none")


def _trained(runs, languages):
    """Answers of every run that was trained in English, by language."""
    results = by_language({"runs": runs, "languages": languages})
    return results[results["trained_on"] == "eng_Latn"]


def _change(runs, layers, column):
    """A measure less what it was before training, (run, layer)."""
    wide = layers.pivot(index="run", columns="layer", values=column)
    return wide - wide.loc[runs.loc[runs["epochs"] == 0, "run"].iloc[0]]


def _doses(results, change, arm, less=None):
    """A finding a task and rate: the mean change in an arm, less that in another seed by seed."""
    found = []
    runs = summarize_runs(results) if len(results) else results
    for (task, rate), part in runs.groupby(["task", "learning_rate"]):
        by_seed = part.assign(change=part["run"].map(change))
        by_seed = by_seed.pivot_table(index="seed", columns="freeze", values="change")
        if {arm, less or arm} <= {*by_seed}:
            effect = by_seed[arm] - by_seed[less] if less else by_seed[arm]
            finding = over_seeds(effect.dropna(), f"{task}, {rate:g}", SMALL)
            found.append(_sound(finding, part, [arm, less]))
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
        for task, part in _trained(runs, languages).groupby("task"):
            runs_of = summarize_runs(part)
            compared = compare_arms(part, baseline), compare_as_well_learned(part, baseline)
            for row in pd.concat(compared).to_dict("records"):
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

    def judge(choice, by_layer, runs=None):
        layers = dict(list(by_layer[by_layer["measure"] == "ILO"].groupby("skill")))
        asked = choice[(choice["measure"] == "ILO") & choice["skill"].str.contains(word)]
        found = []
        for row in asked.itertuples():
            verdict, at = verdict_of(row.tried, row.low, row.high), layers[row.skill]
            above = (at["partial_low"] > 0).sum()
            why = f"resources and script held fixed, above 0 at {above} of {len(at)} layers"
            if runs is not None and _seeds(runs, row.skill) < SEEDS:
                verdict, why = UNTESTED, f"fewer than {SEEDS} seeds"
            found.append(Finding(row.tried, row.low, row.high, verdict, row.skill, why))
        return found

    return judge


def _seeds(runs, skill):
    """Seeds of full training in the task and at the rate that a skill's name has at its ends."""
    task, *_, rate = skill.split(", ")
    free = runs[(runs["freeze"] == "none") & (runs["epochs"] > 0) & (runs["task"] == task)]
    return free.loc[np.isclose(free["learning_rate"], float(rate)), "seed"].nunique()


_SWEEP = ("05_runs", "05_layers", "05_languages")
_CHOICE = ("08_layer_choice", "08_prediction")
CLAIMS = [
    Claim("a", "sentence vectors drawn as a map",
          "share of the neighbours that the map keeps", "none", ("04_map_quality",), _kept_by_maps),
    Claim("b", "ILO by layer",
          "mean ILO where it is greatest", "sentences", ("07_layers",), _at_peak),
    Claim("b, c", "languages are aligned inconsistently",
          "SD of ILO over languages, its error taken out", "families", ("07_languages",), _spread),
    Claim("d", "ILO by groups of languages",
          "mean ILO, many resources less few", "families", ("07_languages",), _bands),
    Claim("e", "k = 5 and τ = 3 are the best settings",
          "share of the settings with the same peak", "none", ("03_k_tau",), _same_peak),
    Claim("–", "there is a region that languages share",
          "sentences in it with a neighbour of another family",
          "none", ("04_shared",), _shared_region),
    Claim("–", "what is shared is meaning",
          "translations among the neighbours in other languages",
          "none", ("04_offsets",), _shared_meaning),
    Claim("–", "outside it are fragments",
          "sentences outside that are in a fragment of one family",
          "none", ("04_fragments",), _fragments_of_families),
    Claim("–", "fragments come of limits of representation",
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
          "halves of the families", _CHOICE, _predicts("probe")),
    Claim("i", "… the model's answers after training",
          "ρ of the answers, on families that chose no layer",
          "halves of the families", (*_CHOICE, "05_runs"), _predicts("after")),
    Claim("i", "… what training adds",
          "ρ of the gain, on families that chose no layer",
          "halves of the families", (*_CHOICE, "05_runs"), _predicts("gain")),
]  # fmt: skip
