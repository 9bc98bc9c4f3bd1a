import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import CORPUS, LANGUAGES

from ilo_helpers import (
    activations,
    extract_activations,
    ilo_scores,
    language_table,
    load_corpus,
    load_model,
    nearest_neighbors,
    open_study,
)


@pytest.fixture
def study(tiny):
    return open_study(tiny("llama"), CORPUS, languages=LANGUAGES, sentences=8, k=4, tau=2)


def test_everything_is_what_the_four_steps_give(study, small, tiny):
    pd.testing.assert_frame_equal(study.text, small)
    assert study.text.attrs == small.attrs
    acts = extract_activations(tiny("llama"), small)
    xr.testing.assert_identical(study.acts.load(), acts.load())
    assert set(study.vectors) == {"mean", "mean_no_special"} and study.bare == "mean_no_special"
    assert study.stored == 35
    neighbors = nearest_neighbors(acts, 35).load()
    xr.testing.assert_identical(study.neighbors, neighbors)
    other = nearest_neighbors(extract_activations(tiny("llama"), small, "last"), 35, "euclidean")
    scores = ilo_scores(neighbors, k=4, tau=2)
    pd.testing.assert_frame_equal(study.scores, scores)
    means = [scores.loc[scores["layer"] == layer, "ilo"].mean() for layer in range(4)]
    np.testing.assert_allclose(study.by_layer, means)
    assert study.peak == int(np.argmax(means))
    pd.testing.assert_frame_equal(study.at_peak, scores[scores["layer"] == study.peak])
    pd.testing.assert_frame_equal(study.languages, language_table(LANGUAGES))
    last = open_study(study.model, CORPUS, languages=LANGUAGES, sentences=8, k=4, tau=2,
                      pooling="last", metric="euclidean")  # fmt: skip
    assert set(last.vectors) == {"last", "mean", "mean_no_special"}
    xr.testing.assert_identical(last.neighbors, other.load())
    xr.testing.assert_identical(last.neighbors_of("mean", "cosine").load(), neighbors)


def test_nothing_is_computed_before_it_is_asked_for_nor_twice(study, data, monkeypatch):
    assert not list(data.glob("activations/*")) and not list(data.glob("neighbors/*"))
    assert study.caption.sentences == 8 and study.stored == 35 and study.home == "eng_Latn"
    assert not list(data.glob("activations/*"))
    assert study.vectors is study.vectors and study.neighbors is study.neighbors
    assert len(list(data.glob("activations/*"))) == 2 and len(list(data.glob("neighbors/*"))) == 1
    monkeypatch.setattr(activations, "pool_sentences", None)
    assert study.scores is study.scores and study.by_layer is study.by_layer


@pytest.mark.parametrize(
    ("languages", "sentences", "k", "expected"),
    [
        (6, 12, 5, 35),  # every k a slider offers, and all translations beside them
        (6, 12, 33, 38),
        (2, 3, 1, 5),  # all there are
        (6, 5, 5, 29),
    ],
)
def test_as_many_neighbours_are_stored_as_are_needed_and_there(
    languages, sentences, k, expected, tiny
):
    codes = LANGUAGES[:languages]
    study = open_study(tiny("llama"), CORPUS, languages=codes, sentences=sentences, k=k, tau=1)
    assert study.stored == expected


def test_caption_and_home(study, tiny, data):
    model = load_model(tiny("llama"))
    text = load_corpus(CORPUS, languages=LANGUAGES, sentences=8)
    assert study.caption.settings() == {
        "model": "tiny-llama", "corpus": text.attrs["name"], "sentences": 8, "k": 4, "tau": 2,
        "metric": "cosine", "pooling": "mean", "dtype": "float32",
    }  # fmt: skip
    assert study.caption.provenance["revision"] == model.attrs["revision"]
    assert study.caption.provenance["corpus_fingerprint"] == text.attrs["fingerprint"]
    foreign = open_study(model, CORPUS, languages=["deu_Latn", "rus_Cyrl"], dtype="float32")
    assert foreign.home == "deu_Latn" and foreign.model is model
    assert foreign.caption.corpus.startswith("corpus-12x2-")
    with pytest.raises(ValueError, match="has no splits"):
        open_study(model, CORPUS, split="dev")
