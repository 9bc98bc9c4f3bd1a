"""Linear classifiers on the vectors of one language, tried on all others; no fine-tuning."""

import functools
import warnings

import numpy as np
import pandas as pd
import xarray as xr

from ..activations import extract_activations
from ..keep.arguments import flag
from ..keep.fill import table_by_layer
from ..keep.labelled import vectors_key
from ..study import Study


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


def task_vectors(
    study: Study, task: pd.DataFrame, source: str = "eng_Latn"
) -> tuple[xr.DataArray, xr.DataArray | None]:
    """The vectors that :func:`probe_accuracy` wants, by the study's model and pooling.

    Where the test items are sentences of the study's text, as SIB-200's are of its own, their
    vectors are there already, and of the train items only the source's are asked for.

    Parameters
    ----------
    study : Study
    task : pandas.DataFrame
        Of :func:`ilo_helpers.training.tasks.load_task`.
    source : str

    Returns
    -------
    tuple of xarray.DataArray
        ``acts`` and ``train`` of :func:`probe_accuracy`.
    """
    tested = task_corpus(task[task["split"] == "test"])
    if set(tested.index) <= set(study.text.index) and set(tested) <= set(study.text):
        same = study.text.loc[tested.index, tested.columns]
        if same.equals(tested.apply(lambda text: text.str.split().str.join(" "))):
            seen = task_corpus(task[(task["split"] == "train") & (task["language"] == source)])
            train = extract_activations(study.model, seen, study.pooling)
            acts = study.acts.sel(sentence=tested.index, language=list(tested))
            return acts, train.sel(language=source)
    corpus = task_corpus(task[task["split"] != "dev"])  # a probe needs none
    return extract_activations(study.model, corpus, study.pooling), None


def probe_accuracy(
    acts: xr.DataArray, task: pd.DataFrame, source: str = "eng_Latn",
    subtract_means: bool = False, train: xr.DataArray | None = None, keep: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """Accuracy in every language of a classifier that saw one, at each layer.

    Logistic regression (scikit-learn's defaults, 1,000 iterations) on standardised vectors of
    the train split in the source language, scored on the test split. Our design.

    Parameters
    ----------
    acts : xarray.DataArray
        (layer, language, sentence, hidden), vectors of :func:`task_corpus`, its test split at
        least.
    task : pandas.DataFrame
        Of :func:`ilo_helpers.training.tasks.load_task`.
    source : str
        Language of the training texts.
    subtract_means : bool
        Take the mean over the train texts from these, and each language's over all of its texts
        in ``acts`` from those (no labels) first.
    train : xarray.DataArray, optional
        (layer, sentence, hidden), vectors of the train split in the source language, which then
        need not be among ``acts``.
    keep : bool
        Keep the table in ``data/probes``, under a hash of vectors, labels and items, one layer at
        a time, made here or by the workers of a Dask client.

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
    languages = acts.language.values.tolist()
    if source not in languages:
        raise ValueError(f"source {source!r} is not among {', '.join(languages)}")
    items = task[task["language"] == source].set_index("id")
    split = items.loc[acts.sentence.values, "split"].to_numpy()
    if train is None:
        train = acts.sel(language=source).isel(sentence=np.flatnonzero(split == "train"))
    labels = items["label"]
    answers = labels.loc[acts.sentence.values].to_numpy()
    texts = task_corpus(task).loc[acts.sentence.values].apply(lambda text: text.str.casefold())
    told_apart = {
        code: (split == "test") & ((texts[code] != texts[source]).to_numpy() | (code == source))
        for code in languages
    }
    taught = labels.loc[train.sentence.values].to_numpy()
    settings = None
    if flag("keep", keep):
        tested = [np.flatnonzero(places).tolist() for places in told_apart.values()]
        words = [taught.tolist(), answers.tolist()]
        settings = [vectors_key(acts), vectors_key(train), tested, words, bool(subtract_means)]
    jobs = {
        layer: (train.sel(layer=layer), acts.sel(layer=layer))
        for layer in acts.layer.values.tolist()
    }
    make = functools.partial(_tried, subtract_means, taught, answers, told_apart)
    return table_by_layer("probes", acts.attrs.get("model", "vectors"), settings, jobs, make)


def _tried(subtract_means, taught, answers, told_apart, job, _progress):
    """What is kept of one layer: a row a language."""
    seen, vectors = (each[:].values.astype(np.float64) for each in job)  # not kept in the job
    if subtract_means:
        seen = seen - seen.mean(0)
        vectors = vectors - vectors.mean(1, keepdims=True)
    probe = _fitted(seen, taught)
    right = [
        probe.predict(at[places]) == answers[places]
        for at, places in zip(vectors, told_apart.values(), strict=True)
    ]
    return [{
        "layer": int(job[1].layer),
        "language": list(told_apart),
        "items": [each.size for each in right],
        "accuracy": [each.mean() for each in right],
    }]  # fmt: skip


def _fitted(vectors, labels):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fit that did not converge must not pass for one
        return probe.fit(vectors, labels)
