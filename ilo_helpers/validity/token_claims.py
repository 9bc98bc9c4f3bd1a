"""What the Hyperpolyglot paper claims of token embeddings, and the numbers here that bear on it.

As :mod:`ilo_helpers.validity.claims`: the claims are in our words, the tables notebook 6's.
"""

import numpy as np
from scipy.stats import binomtest

from ..languages import language_table
from .verdicts import UNTESTED, Claim, Finding, verdict_of, without_each

#: The paper's numbers, where a run has its models.
ACCURACY = {"xlm-roberta-xl": 0.9924, "mt5-xl": 0.9332}
CATEGORIES = {"xlm-roberta-xl": 1.64, "mt5-xl": 7.61}


def _vocabulary_share(overlap):
    """Figure 2: the mean share of a's tokens that b has."""
    apart = overlap[overlap["a"] != overlap["b"]]
    value, names = apart["share"].mean(), overlap["a"].nunique()
    why = "other vocabularies than the paper's, whose mean is 0.525"
    return [Finding(value, setting=f"{names} vocabularies", why=why)]


def _not_latin(overlap):
    """Figure 2: of what two large multilingual vocabularies share, the part that is not Latin."""
    first = overlap[overlap["a"] != overlap["b"]].iloc[0]
    why = "mT5's vocabulary is in no package"
    return [Finding(first["non_latin"], setting=f"{first['a']} · {first['b']}", why=why)]


def _told_apart(labels):
    """Figure 3: mean accuracy over the categories of all models, one model at a time."""
    models = labels.groupby("label")["model"].transform("nunique")
    found = []
    for model, part in labels[models == models.max()].groupby("model", sort=False):
        error = np.sqrt((part["accuracy"] * (1 - part["accuracy"]) / (2 * part["used"])).sum())
        mean, margin = part["accuracy"].mean(), 1.96 * error / len(part)
        ends = mean, mean - margin, mean + margin
        verdict = verdict_of(*ends[1:], floor=0.5, paper=ACCURACY.get(_short(model)))
        why = f"the {len(part)} categories that every model has"
        found.append(Finding(*ends, verdict, model, why))
    return found


def _mingled(tokens):
    """Figure 5: mean number of categories among 50 neighbours, one model at a time."""
    found = []
    for model, part in tokens.groupby("model", sort=False)["categories"]:
        mean, margin = part.mean(), 1.96 * part.sem()
        paper, ends = CATEGORIES.get(_short(model)), (mean, mean - margin, mean + margin)
        verdict = UNTESTED if paper is None else verdict_of(*ends[1:], floor=1, paper=paper)
        why = "not a model of the paper's" if paper is None else ""
        found.append(Finding(*ends, verdict, model, why))
    return found


def _short(model):
    return model.split("/")[-1].lower()


def _translations(retrieval):
    """Figure 4: how often a name's translation in another script is found first."""
    pool = retrieval.attrs["details"]["pool"]
    across = retrieval["source_script"] != retrieval["target_script"]
    across = retrieval[across & (retrieval["reading"] == "no piece in common")]
    family = language_table(list({*across["source"], *across["target"]}))["family"]
    pairs = across.assign(one=across["source"].map(family), two=across["target"].map(family))
    found = []
    for model, part in pairs.groupby("model", sort=False):

        def without(name, part=part):
            return part.loc[(part["one"] != name) & (part["two"] != name), "p@1"].mean()

        ends = without_each(family, without, part["p@1"].mean())
        verdict = verdict_of(*ends[1:], floor=1 / pool)
        why = f"among {pool} names of one language, not in the whole table"
        found.append(Finding(*ends, verdict, f"{model}; chance {1 / pool:g}", why))
    return found


def _mostly_own_script(composition):
    """Figure 6: of how many scripts are most of the neighbours of their own?"""
    found = []
    for model, wide in _by_model(composition):
        own = [wide.loc[script, script] / wide.loc[script].sum() for script in wide.index]
        first = (wide.idxmax(axis=1) == wide.index).sum()
        test = binomtest(int(sum(np.array(own) > 0.5)), len(own))
        ends = test.proportion_ci(method="wilson")
        numbers = test.statistic, ends.low, ends.high
        why = f"the commonest, if not most: of {first} of {len(own)}"
        found.append(Finding(*numbers, verdict_of(*numbers[1:], floor=0.5), model, why))
    return found


def _spilt_into_han(composition):
    """Figure 6: how many more CJK neighbours have Japanese scripts than Latin and Cyrillic?"""
    found = []
    for model, wide in _by_model(composition):
        if "CJK" not in wide or not {"HIRAGANA", "KATAKANA", "LATIN", "CYRILLIC"} <= {*wide.index}:
            continue
        han = wide["CJK"]
        value = han[["HIRAGANA", "KATAKANA"]].min() - han[["LATIN", "CYRILLIC"]].max()
        latin, cjk = wide.loc["KATAKANA", ["LATIN", "CJK"]]
        why = f"no interval; Katakana has {latin:.0f} Latin neighbours, {cjk:.0f} CJK"
        found.append(Finding(value, setting=model, why=why))
    return found


def _by_model(composition):
    for model, part in composition.groupby("model", sort=False):
        yield model, part.pivot(index="source", columns="neighbor", values="mean_count").fillna(0)


def _same_neighbors(pairs):
    """Figure 7: of 100 neighbours, how many two different models have in common."""
    first = pairs.iloc[0]
    ends = first["mean"], first["mean"] - first["margin"], first["mean"] + first["margin"]
    return [Finding(*ends, UNTESTED, first["pair"], "the paper compares sizes of one model")]


def _same_geometry(angles):
    """Figure 8: the first canonical cosine of two different models."""
    paper = angles[angles["how"].str.contains("paper")].iloc[0]
    why = "the paper compares sizes of one model"
    setting = "{pair}; {first:.3f}, on tokens left out {first, left out:.3f}".format(**paper)
    return [Finding(paper["first"], setting=setting, why=why)]


def _no_trend(deciles):
    """Figure 9: correlation of a token's tenth by frequency with its number of categories."""
    found = []
    for name, part in deciles.groupby(["model", "ranking"], sort=False):
        n, x = part["tokens"], part["part"]
        weights, total = n / n.sum(), n.sum()
        dx, dy = x - x @ weights, part["mean"] - part["mean"] @ weights
        square = weights @ (part["sd"] ** 2 + dy**2)
        r = (weights * dx) @ dy / np.sqrt((weights @ dx**2) * square)
        low, high = np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / np.sqrt(total - 3))
        why = "the paper's counts, of mC4, are in no package"
        found.append(Finding(r, low, high, UNTESTED, ", ".join(name), why))
    return found


def _contrast(labels):
    """Figure 3: by how much the second model's categories are told apart better."""
    found = _told_apart(labels)
    if len(found) < 2:
        return []
    a, b = found[:2]
    value, margin = b.value - a.value, np.hypot(a.high - a.value, b.high - b.value)
    setting, why = f"{b.setting} less {a.setting}", "the paper's two models are in no package"
    return [Finding(value, value - margin, value + margin, UNTESTED, setting, why)]


_NO_PICTURE = Finding(why="no model of the paper's, and a map is no measure")
_SIX, _TWO = ("06_vocabularies",), ("06_overlap",)
CLAIMS = [
    Claim("1", "on a map XLM-R has islands of script, mT5 has not",
          "none", "none", (), lambda: [_NO_PICTURE]),
    Claim("2", "six vocabularies share 52.5% of their tokens",
          "mean share of a's tokens that b has", "none: counted", _SIX, _vocabulary_share),
    Claim("2", "most of what mT5 and XLM-R share is not Latin (59.4%)",
          "share that is not Latin", "none: counted", _TWO, _not_latin),
    Claim("3", "a plane tells a category from the rest (0.93, 0.99)",
          "mean accuracy; guessing 0.5", "test tokens only", ("06_separability",), _told_apart),
    Claim("3", "better so in XLM-R-XL than in mT5-XL",
          "difference of two models", "test tokens only", ("06_separability",), _contrast),
    Claim("4", "a translation in another script is nearer than other names",
          "P@1 across scripts, no piece in common",
          "families", ("06_translations",), _translations),
    Claim("5", "categories among 50: mT5-XL 7.61, XLM-R-XL 1.64",
          "mean number of categories", "tokens", ("06_diversity",), _mingled),
    Claim("6", "most of a token's neighbours are of its own script",
          "share of five scripts of which this is so",
          "scripts", ("06_composition",), _mostly_own_script),
    Claim("6", "Japanese scripts spill into CJK",
          "CJK neighbours, least of these less most of others",
          "none", ("06_composition",), _spilt_into_han),
    Claim("7", "of 100 neighbours sizes of XLM-R share 60, of mT5 20 to 30",
          "neighbours in common", "tokens", ("06_shared_neighbors",), _same_neighbors),
    Claim("8", "first canonical cosine: XLM-R's sizes 0.99, mT5's 0.95 to 0.97",
          "the same, on the tokens it was fitted on",
          "none", ("06_canonical_angles",), _same_geometry),
    Claim("9", "categories do not depend on frequency",
          "correlation with the tenth by frequency", "tokens", ("06_frequency",), _no_trend),
]  # fmt: skip
