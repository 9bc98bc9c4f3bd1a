"""What a model answers, in every language, and what it has forgotten; both are kept."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..arithmetic import fast_matmul
from ..corpora import fingerprint
from ..keep.digest import digest
from ..keep.stores import kept_table
from ..models import LanguageModel, load_model
from ..pooling import length_batches
from .objectives import (
    EVALUATION_TOKENS,
    answer_losses,
    causal_model,
    collate,
    label_scores,
    label_words,
)


def evaluate(
    model: str | os.PathLike | LanguageModel,
    task: pd.DataFrame,
    words: dict[str, str] | None = None,
) -> pd.DataFrame:
    """Answers of a model to the test items, in every language.

    Parameters
    ----------
    model : str, path or LanguageModel
        What :func:`fine_tune` returned, or a causal language model as it is.
    task : pandas.DataFrame
        As :func:`load_task` returns it; rows may be left out.
    words : dict, optional
        Cue and label words; default: those the model was trained with, else English ones.

    Returns
    -------
    pandas.DataFrame
        language, id, label, predicted (str) and correct (bool), one row an item.

    Raises
    ------
    ValueError
        If there are no test items, or a label has no word.
    """
    lm = load_model(model)
    run = run_settings(lm)
    words = label_words(task, run.get("language", "eng_Latn"), words or run.get("words"))
    items = task[task["split"] == "test"]
    if items.empty:
        raise ValueError(f"task {task.attrs['name']!r}: no test items among the rows given")
    items = items[["language", "id", "label", "text"]]

    def ask():
        labels = np.array([name for name in words if name != "cue"])
        texts = items["text"].unique()  # a name that several languages spell alike: once
        scores = label_scores(lm, causal_model(lm), words, texts.tolist())
        predicted = dict(zip(texts, labels[scores.argmax(1)], strict=True))
        return items.assign(predicted=items["text"].map(predicted)).drop(columns="text")

    settings = [lm.attrs, words, digest(*items.to_numpy().ravel())]
    answers = kept_table("answers", lm.name, settings, ask)
    return answers.assign(correct=answers["label"] == answers["predicted"])


def run_settings(lm: LanguageModel) -> dict:
    """Settings of a fine-tuned model, its ``run.json``; of any other, an empty dict."""
    path = Path(lm.source["pretrained_model_name_or_path"], "run.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def accuracy(answers: pd.DataFrame, by: str | Sequence[str] = "language") -> pd.DataFrame:
    """Share of right answers, with Wilson's 95% interval.

    Parameters
    ----------
    answers : pandas.DataFrame
        As :func:`evaluate` returns it.
    by : str or list of str

    Returns
    -------
    pandas.DataFrame
        ``by``, items (int), accuracy, low, high (0 to 1).
    """
    from scipy.stats import binomtest

    counts = answers.groupby(by)["correct"].agg(items="size", right="sum").reset_index()
    intervals = [
        binomtest(int(row.right), int(row.items)).proportion_ci(method="wilson")
        for row in counts.itertuples()
    ]
    return counts.assign(
        accuracy=counts.pop("right") / counts["items"],
        low=[interval.low for interval in intervals],
        high=[interval.high for interval in intervals],
    )


def lm_loss(model: str | os.PathLike | LanguageModel, corpus: pd.DataFrame) -> pd.DataFrame:
    """How well a causal language model still predicts each language: a check for forgetting.

    Parameters
    ----------
    model : str, path or LanguageModel
    corpus : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        language, tokens (int) and loss (nats a token, mean over all predicted tokens).
    """
    lm = load_model(model)
    settings = [lm.attrs, fingerprint(corpus)]
    return kept_table("losses", lm.name, settings, lambda: _losses(lm, corpus))


def _losses(lm, corpus):
    import torch

    network = causal_model(lm)
    texts = corpus.melt(var_name="language", value_name="text")
    ids = [lm.tokenizer(text)["input_ids"] for text in texts["text"]]
    texts["tokens"] = [len(each) - 1 for each in ids]
    total = np.empty(len(texts))
    batches = list(length_batches([len(each) for each in ids], EVALUATION_TOKENS))
    with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]):
        for batch in tqdm(batches, "LM loss", unit="batch", file=sys.stdout, leave=False):
            pairs = [(ids[i][:1], ids[i][1:]) for i in batch]  # the rest as answer to the first
            total[batch] = answer_losses(network, collate(lm, pairs)).sum(1).cpu()
    sums = texts.assign(loss=total).groupby("language", sort=False)[["tokens", "loss"]].sum()
    return sums.assign(loss=sums["loss"] / sums["tokens"]).reset_index()


def by_run(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables of several runs as one, with their names in a first column ``run``."""
    whole = pd.concat(tables, names=["run"]).reset_index("run")
    return whole.reset_index(drop=True)
