"""Linear classifiers on the vectors of one language, tried on all others; no fine-tuning."""

import sys
import warnings

import numpy as np
import pandas as pd
import xarray as xr
from tqdm import tqdm


def task_corpus(task: pd.DataFrame) -> pd.DataFrame:
    """The texts of a task as a corpus, an item a row and a language a column.

    Parameters
    ----------
    task : pandas.DataFrame
        Of :func:`ilo_helpers.training.tasks.load_task`.

    Returns
    -------
    pandas.DataFrame
        As :func:`ilo_helpers.load_corpus` returns it; index the items' ids, ``attrs`` those of
        the task.

    Raises
    ------
    ValueError
        If a language lacks an item.
    """
    languages = task["language"].unique()
    corpus = task.pivot(index="id", columns="language", values="text")[list(languages)]
    if corpus.isna().any(axis=None):
        language = corpus.columns[corpus.isna().any()][0]
        raise ValueError(
            f"task {task.attrs['name']!r}: {language} lacks item "
            f"{corpus.index[corpus[language].isna()][0]!r}; every language must have every item"
        )
    corpus = corpus.rename_axis(index="sentence", columns=None)
    corpus.attrs = dict(task.attrs)
    return corpus


def probe_accuracy(
    acts: xr.DataArray, task: pd.DataFrame, source: str = "eng_Latn", subtract_means: bool = False
) -> pd.DataFrame:
    """Accuracy in every language of a classifier that saw one, at each layer.

    Logistic regression (scikit-learn's defaults, 1,000 iterations) on standardised vectors of
    the train split in the source language, scored on the test split. Our design.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden), the vectors of :func:`task_corpus`.
    task : pandas.DataFrame
        Of :func:`ilo_helpers.training.tasks.load_task`.
    source : str
        Language of the training texts.
    subtract_means : bool
        Take each language's mean over its train texts (no labels) from all its vectors first.

    Returns
    -------
    pandas.DataFrame
        layer, language, items (tested), accuracy (0 to 1). Items spelled as in the source
        language are not tested in another: copying is not transfer.

    Raises
    ------
    ValueError
        If the source is not among the languages.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    languages = acts.language.values.tolist()
    if source not in languages:
        raise ValueError(f"source {source!r} is not among {', '.join(languages)}")
    items = task[task["language"] == source].set_index("id").loc[acts.sentence.values]
    train, test = (items["split"].eq(split).to_numpy() for split in ("train", "test"))
    texts = task_corpus(task).loc[acts.sentence.values].apply(lambda text: text.str.casefold())
    rows = []
    bar = {"unit": "layer", "file": sys.stdout, "mininterval": 1}
    for layer in tqdm(acts.layer.values, "probes", **bar):
        vectors = acts.sel(layer=layer).values.astype(np.float64)
        if subtract_means:
            vectors = vectors - vectors[:, train].mean(1, keepdims=True)
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a fit that did not converge must not pass for one
            probe.fit(vectors[languages.index(source)][train], items["label"][train])
        for place, language in enumerate(languages):
            asked = test & ((texts[language] != texts[source]).to_numpy() | (language == source))
            right = probe.predict(vectors[place][asked]) == items["label"][asked]
            rows.append((int(layer), language, int(asked.sum()), right.mean()))
    return pd.DataFrame(rows, columns=["layer", "language", "items", "accuracy"])
