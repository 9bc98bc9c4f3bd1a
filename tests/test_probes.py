import numpy as np
import pandas as pd
import pytest
from made import world

from ilo_helpers.validity.probes import probe_accuracy, task_corpus

CODES = ["eng_Latn", "deu_Latn"]


def toy_task(items=60):
    rows = []
    for code in CODES:
        for i in range(items):
            split = "train" if i % 3 else "test"
            rows.append((code, split, f"{i:02d}", f"{code} {i}", "ab"[i % 2]))
    task = pd.DataFrame(rows, columns=["language", "split", "id", "text", "label"])
    task.attrs = {"name": "toy", "fingerprint": "0"}
    return task


def vectors(task, offset):
    """Labels along the first axis, in both languages, the second shifted."""
    corpus = task_corpus(task)
    label = task[task["language"] == "eng_Latn"].set_index("id")["label"].loc[corpus.index]
    values = 0.1 * np.random.default_rng(0).normal(size=(1, 2, len(corpus), 3))
    values[..., 0] += np.where(label == "a", 1, -1)
    values[0, 1] += offset
    return world(values, CODES).assign_coords(sentence=corpus.index.to_numpy())


def test_a_task_becomes_a_corpus():
    task = toy_task()
    corpus = task_corpus(task)
    assert corpus.shape == (60, 2) and corpus.loc["07", "deu_Latn"] == "deu_Latn 7"
    assert corpus.attrs["name"] == "toy"
    with pytest.raises(ValueError, match="task 'toy': deu_Latn lacks item '59'"):
        task_corpus(task[:-1])


def test_transfer_is_lost_to_an_offset_and_comes_back_without_it():
    task = toy_task()
    moved = vectors(task, offset=[5, 0, 0])
    plain = probe_accuracy(moved, task).set_index("language")["accuracy"]
    assert plain.to_dict() == {"eng_Latn": 1, "deu_Latn": 0.5}  # everything looks like 'a'
    without = probe_accuracy(moved, task, subtract_means=True)
    assert without["accuracy"].tolist() == [1, 1] and without["items"].tolist() == [20, 20]


def test_train_vectors_may_come_apart():
    """Given by themselves, with nothing but test items beside them, they do as well."""
    task = toy_task()
    whole = vectors(task, offset=[0.3, 0, 0])
    split = task[task["language"] == "eng_Latn"]["split"].to_numpy()
    train = whole.sel(language="eng_Latn").isel(sentence=np.flatnonzero(split == "train"))
    tested = whole.isel(sentence=np.flatnonzero(split == "test"))
    pd.testing.assert_frame_equal(
        probe_accuracy(tested, task, train=train), probe_accuracy(whole, task)
    )


def test_copies_are_not_tested():
    task = toy_task()
    copies = (task["language"] == "deu_Latn") & task["id"].isin(["00", "03"])
    task.loc[copies, "text"] = ["ENG_latn 0", "eng_Latn 3"]
    found = probe_accuracy(vectors(task, 0), task).set_index("language")["items"]
    assert found.to_dict() == {"eng_Latn": 20, "deu_Latn": 18}
    with pytest.raises(ValueError, match="source 'fra_Latn' is not among eng_Latn, deu_Latn"):
        probe_accuracy(vectors(task, 0), task, source="fra_Latn")


def test_a_table_is_kept_by_vectors_and_labels(data, monkeypatch):
    task = toy_task()
    acts = vectors(task, 1)
    here, kept = probe_accuracy(acts, task, keep=False), probe_accuracy(acts, task)
    pd.testing.assert_frame_equal(here, kept)
    assert len(list((data / "probes").glob("*.parquet"))) == 1
    monkeypatch.setattr("ilo_helpers.validity.probes._fitted", None)
    pd.testing.assert_frame_equal(probe_accuracy(acts, task), kept)
    turned = task.assign(label=task["label"].map({"a": "b", "b": "a"}))
    for other in ((acts + 1, task), (acts, turned), (acts, task, "deu_Latn")):
        with pytest.raises(TypeError, match="NoneType"):
            probe_accuracy(*other)
    with pytest.raises(TypeError, match="NoneType"):
        probe_accuracy(acts, task, subtract_means=True)
