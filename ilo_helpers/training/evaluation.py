"""What a model answers, in every language, and what it has forgotten; both are kept."""

import functools
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..arithmetic import fast_matmul
from ..corpora import fingerprint
from ..keep.digest import digest
from ..keep.fill import fill_table
from ..keep.tables import kept_table
from ..models import LanguageModel, load_model
from ..pooling import length_batches, tokenize
from .objectives import (
    EVALUATION_TOKENS,
    answer_losses,
    causal_model,
    collate,
    encode,
    label_scores,
    label_words,
)

#: Batches of texts that are scored, kept and handed out together.
BLOCK = 32


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
        If there are no test items, a label has no word, a text is too long for the model, or a
        score is not finite.
    """
    lm = load_model(model)
    run = run_settings(lm)
    words = label_words(task, run.get("language", "eng_Latn"), words or run.get("words"))
    items = task[task["split"] == "test"]
    if items.empty:
        raise ValueError(f"task {task.attrs['name']!r}: no test items among the rows given")
    items = items[["language", "id", "label", "text"]]

    settings = [lm.attrs, words, digest(*items.to_numpy().ravel())]

    def ask():
        texts = items["text"].unique()  # a name that several languages spell alike: once
        lengths = [len(encode(lm, words, text)) for text in texts]
        for row, length in zip(items.drop_duplicates("text").itertuples(), lengths, strict=True):
            if lm.max_tokens and length > lm.max_tokens:
                raise ValueError(
                    f"model {lm.name!r}, language {row.language}, item {row.id}: {length} tokens "
                    f"with the cue, the model takes {lm.max_tokens}; leave it out"
                )
        make = functools.partial(_answers, lm, words)
        found = _by_blocks("answers", lm, settings, texts.tolist(), lengths, make)
        predicted = dict(zip(texts, found["predicted"], strict=True))
        return items.assign(predicted=items["text"].map(predicted)).drop(columns="text")

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

    Raises
    ------
    ValueError
        If a sentence has no token or too many for the model, or its loss is not finite.
    """
    lm = load_model(model)
    settings = [lm.attrs, fingerprint(corpus)]

    def read():
        texts = corpus.melt(var_name="language", value_name="text")
        ids = [each for code in corpus for each, _ in tokenize(lm, corpus[code])]
        lengths, make = [len(each) for each in ids], functools.partial(_losses, lm)
        texts["tokens"] = [length - 1 for length in lengths]
        texts["loss"] = _by_blocks("losses", lm, settings, ids, lengths, make)["loss"]
        sums = texts.groupby("language", sort=False)[["tokens", "loss"]].sum()
        return sums.assign(loss=sums["loss"] / sums["tokens"]).reset_index()

    return kept_table("losses", lm.name, settings, read)


def _check_finite(lm, scores, text_of):
    """No score that is not a number: it would count as the first label, or as any loss."""
    bad = np.flatnonzero(~np.isfinite(scores).reshape(len(scores), -1).all(1))
    if len(bad):
        raise ValueError(
            f"model {lm.name!r}, text {text_of(bad[0])!r}: a score that is not finite; the weights "
            f"are damaged, or {lm.dtype} is too narrow for them: load it in float32"
        )


def _by_blocks(
    step: str, lm: LanguageModel, settings: list, texts: list, lengths: list[int], make: Callable
) -> pd.DataFrame:
    """What ``make`` says of every text, in their order, asked for blocks of like length."""
    batches = list(length_batches(lengths, EVALUATION_TOKENS))
    blocks = [
        list(itertools.chain(*batches[start : start + BLOCK]))
        for start in range(0, len(batches), BLOCK)
    ]
    jobs = {part: [texts[place] for place in block] for part, block in enumerate(blocks)}
    sizes = {part: len(job) for part, job in jobs.items()}
    whole = fill_table(step, lm.name, settings, jobs, make, f"{step}, block", "text", sizes)
    _network.cache_clear()
    return whole.set_axis(list(itertools.chain(*blocks))).sort_index()


@functools.lru_cache(maxsize=1)
def _network(lm):
    """The model with its head, loaded once for all blocks."""
    return causal_model(lm)


def _answers(lm, words, texts, progress):
    """Of a block of texts: the label that is preferred."""
    labels = np.array([name for name in words if name != "cue"])
    scores = label_scores(lm, _network(lm), words, texts, progress)
    _check_finite(lm, scores, lambda place: texts[place])
    return [{"predicted": labels[scores.argmax(1)]}]


def _losses(lm, ids, progress):
    """Of a block of texts: the sum of the losses of all tokens but the first."""
    import torch

    total = np.empty(len(ids))
    with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]):
        for batch in length_batches([len(each) for each in ids], EVALUATION_TOKENS):
            pairs = [(ids[i][:1], ids[i][1:]) for i in batch]  # the rest as answer to the first
            total[batch] = answer_losses(_network(lm), collate(lm, pairs)).sum(1).cpu()
            progress(len(batch))
    _check_finite(lm, total, lambda place: lm.tokenizer.decode(ids[place]))
    return [{"loss": total}]


def by_run(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables of several runs as one, with their names in a first column ``run``."""
    whole = pd.concat(tables, names=["run"]).reset_index("run")
    return whole.reset_index(drop=True)
