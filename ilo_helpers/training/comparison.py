"""What freezing changes, arm against arm: at the same learning rate, and as well learned.

An interval resamples what was drawn: seeds, and test items, which all languages and arms share. How
far few seeds lie apart is hardly known, so their spread has Student's factor (our definition).
"""

import numpy as np
import pandas as pd
from scipy import stats

from .tasks import same_as_english

#: Loss of the other languages (nats a token) beyond which a run counts as ruined, not as a dose.
RUIN = 1.0
#: Most that the development losses of two runs may differ to be as well learned (nats).
ALIKE = 0.1
#: Runs with seeds of their own: fewer do not tell an effect from chance.
SEEDS = 3


def summarize_runs(results: pd.DataFrame) -> pd.DataFrame:
    """A row a run: what the trained language and the others came to.

    Parameters
    ----------
    results : pandas.DataFrame
        Of :func:`ilo_helpers.training.sweep.by_language`.

    Returns
    -------
    pandas.DataFrame
        run, task, trained_on, freeze, learning_rate, epochs, seed, dev_loss; trained, others,
        others_before (mean accuracy), gain (of the others), forgotten (mean rise of the other
        languages' loss, nats) and ruined (more than :data:`RUIN`).
    """
    names = ["run", "task", "trained_on", "freeze", "learning_rate", "epochs", "seed", "dev_loss"]
    results = results.assign(own=_own(results))
    runs = results[names].drop_duplicates("run").set_index("run")
    others = results[~results["own"]].groupby("run")
    runs["trained"] = results[results["own"]].groupby("run")["accuracy"].mean()
    runs["others"], runs["others_before"], runs["gain"], runs["forgotten"] = (
        others[name].mean() for name in ("accuracy", "accuracy_before", "gain", "forgotten")
    )
    return runs.assign(ruined=runs["forgotten"] > RUIN).reset_index()


def without_copies(results: pd.DataFrame, task: pd.DataFrame) -> pd.DataFrame:
    """The same, without the items that a language spells as English does: copying is no transfer.

    Parameters
    ----------
    results : pandas.DataFrame
        Of :func:`ilo_helpers.training.sweep.by_language`, of that task and all its test items.
    task : pandas.DataFrame
        Of :func:`ilo_helpers.training.tasks.load_task`.

    Returns
    -------
    pandas.DataFrame
        ``answers`` and ``answers_before`` have a ``"-"`` for each item left out; accuracy,
        accuracy_before and gain are of the others.
    """
    tested = task[task["split"] == "test"]
    copied = same_as_english(tested).groupby(tested["language"]).agg(np.array)
    results = results.dropna(subset="answers").copy()
    for suffix in ("", "_before"):
        kept = [
            np.where(copied[language], "-", list(answers))
            for language, answers in results[["language", f"answers{suffix}"]].to_numpy()
        ]
        results[f"answers{suffix}"] = ["".join(each) for each in kept]
        results[f"accuracy{suffix}"] = [np.mean(each[each != "-"] == "1") for each in kept]
    return results.assign(gain=results["accuracy"] - results["accuracy_before"])


def compare_arms(
    results: pd.DataFrame, baseline: str = "none", draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Accuracy in the other languages, each arm less the baseline, at the same learning rate.

    Parameters
    ----------
    results : pandas.DataFrame
        Of :func:`ilo_helpers.training.sweep.by_language`, of one task and training language.
    baseline : str
        What the arms are compared with; a value of ``freeze``.
    draws, seed : int

    Returns
    -------
    pandas.DataFrame
        learning_rate, freeze, seeds (int, those both arms have), difference, low, high (95%) and
        detectable: the least true difference that would be told from none in four of five such
        experiments, (1.96 + 0.84) standard errors (these three NaN for fewer than :data:`SEEDS`);
        ruined, of the two arms' shares of runs that are the greater.
    """
    runs = summarize_runs(results).set_index("run")
    answers = _answers(results)
    rows = []
    for (rate, arm), part in runs.groupby(["learning_rate", "freeze"], sort=False):
        home = runs[(runs["learning_rate"] == rate) & (runs["freeze"] == baseline)]
        pairs = part.reset_index().merge(home.reset_index(), on="seed", suffixes=("", "_home"))
        if arm != baseline and len(pairs):
            found = _difference(answers, pairs, draws, seed)
            ruined = max(part["ruined"].mean(), home["ruined"].mean())
            rows.append({"learning_rate": rate, "freeze": arm, **found, "ruined": ruined})
    return pd.DataFrame(rows)


def compare_as_well_learned(
    results: pd.DataFrame, baseline: str = "none", draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """The same between the runs of :func:`pairs_as_well_learned`, at any learning rate.

    Returns
    -------
    pandas.DataFrame
        freeze, pairs (int), seeds, difference, low, high, detectable; as :func:`compare_arms`.
    """
    answers = _answers(results)
    pairs = pairs_as_well_learned(summarize_runs(results), baseline)
    return pd.DataFrame([
        {"freeze": arm, "pairs": len(part), **_difference(answers, part, draws, seed)}
        for arm, part in pairs.groupby("freeze", sort=False)
    ])  # fmt: skip


def pairs_as_well_learned(runs: pd.DataFrame, baseline: str = "none") -> pd.DataFrame:
    """Runs of one seed that learned the trained language equally well.

    Parameters
    ----------
    runs : pandas.DataFrame
        Of :func:`summarize_runs`, of one task and training language.
    baseline : str
        What the arms are compared with; a value of ``freeze``.

    Returns
    -------
    pandas.DataFrame
        freeze, run, run_home, seed: for each run of the baseline that is not ruined (run_home), in
        every other arm the run, at any learning rate, whose development loss is nearest, if it is
        within :data:`ALIKE` and not ruined.
    """
    sound = runs[~runs["ruined"]]
    homes = sound[sound["freeze"] == baseline]
    pairs = [
        {"freeze": arm, "run": near["run"], "run_home": home.run, "seed": home.seed}
        for arm in sound["freeze"].unique()
        for home in homes.itertuples()
        if arm != baseline and (near := _nearest(sound, arm, home)) is not None
    ]
    return pd.DataFrame(pairs, columns=["freeze", "run", "run_home", "seed"])


def _nearest(runs, arm, home):
    there = runs[(runs["freeze"] == arm) & (runs["seed"] == home.seed)]
    apart = (there["dev_loss"] - home.dev_loss).abs()
    return there.loc[apart.idxmin()] if (apart <= ALIKE).any() else None


def _own(results):
    """Whether a row is of a language that its run was trained on."""
    trained = results["trained_on"].str.split("+")
    return [code in codes for code, codes in zip(results["language"], trained, strict=True)]


def _answers(results):
    """Of each run, right answers to each item, mean over the other languages that are asked it."""
    others = results[~pd.Series(_own(results), results.index)].dropna(subset="answers")
    right = others["answers"].map(_numbers)
    of_runs = {run: np.array(list(part)) for run, part in right.groupby(others["run"])}
    return {run: np.nanmean(each[:, ~np.isnan(each).all(0)], 0) for run, each in of_runs.items()}


def _numbers(answers):
    """1 for a right answer, 0 for a wrong one, NaN for an item left out."""
    return np.array([np.nan if each == "-" else float(each) for each in answers])


def _difference(answers, pairs, draws, seed):
    """Mean difference of paired runs, seeds and items resampled."""
    apart = np.array([answers[a] - answers[b] for a, b in pairs[["run", "run_home"]].to_numpy()])
    by_seed = pd.DataFrame(apart).groupby(pairs["seed"].to_numpy()).mean().to_numpy()
    n, items = by_seed.shape
    mean, rng = by_seed.mean(), np.random.default_rng(seed)
    # n seeds drawn of n spread too little, by √((n − 1) / n), and how far few seeds lie apart is
    # hardly known: 95% of them need Student's factor, not the normal one
    spread = np.nan
    if n >= SEEDS:
        spread = np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975)
    wide = by_seed.mean(0) + spread * (by_seed - by_seed.mean(0))
    of_seeds = rng.multinomial(n, np.full(n, 1 / n), draws) / n
    of_items = rng.multinomial(items, np.full(items, 1 / items), draws) / items
    drawn = np.einsum("ds,si,di->d", of_seeds, wide, of_items)
    error = drawn.std()
    power = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error
    low, high = np.percentile(drawn, [2.5, 97.5])  # NaN for fewer seeds
    return {"seeds": n, "difference": mean, "low": low, "high": high, "detectable": power}
