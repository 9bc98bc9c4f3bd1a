import dataclasses
import json

import pytest

from ilo_helpers.keep.captions import Caption

WHOLE = Caption(
    "gemma-3-270m", "udhr", 49, None, 5, 3, "cosine", "mean", "float32",
    provenance={"revision": "abc"},
)  # fmt: skip


def test_the_line_tells_what_applies_and_no_more():
    assert str(WHOLE) == "gemma-3-270m, udhr, 49 sentences, k = 5, τ = 3, cosine, mean, float32"
    assert str(WHOLE.but(k=None, tau=None, metric=None)) == (
        "gemma-3-270m, udhr, 49 sentences, mean, float32"
    )
    tuned = Caption("m", task="cldr", language="swh_Latn", rate=2e-4, seed=0)
    assert str(tuned) == "m, cldr, trained in swh_Latn, learning rate 0.0002, seed 0"
    assert str(Caption()) == ""


def test_the_split_is_kept_and_told_by_the_corpus_alone():
    caption = Caption("m", "flores200-dev", 300, "dev")
    assert str(caption) == "m, flores200-dev, 300 sentences"
    assert caption.settings()["split"] == "dev"


def test_but_changes_and_of_picks():
    assert WHOLE.but(seed=7).settings() == WHOLE.settings() | {"seed": 7}
    assert WHOLE.of("model", "dtype").settings() == {"model": "gemma-3-270m", "dtype": "float32"}
    assert WHOLE.of("model").provenance == WHOLE.but(k=1).provenance == {"revision": "abc"}
    assert WHOLE.k == 5  # neither changes the caption itself
    for wrong in (lambda: WHOLE.but(kk=3), lambda: setattr(WHOLE, "k", 3), lambda: WHOLE.of("kk")):
        with pytest.raises((TypeError, AttributeError, dataclasses.FrozenInstanceError)):
            wrong()


def test_another_text_or_model_has_not_this_one_s_provenance():
    known = {"revision": "abc", "torch": "2", "corpus_fingerprint": "f"}
    mine = Caption(model="m", corpus="udhr", k=5, provenance=known)
    assert mine.but(k=10).provenance == mine.of("model", "corpus").provenance == known
    assert mine.but(model="m").provenance == known
    assert mine.but(model="n").provenance == {"corpus_fingerprint": "f"}
    assert mine.but(corpus="flores200").provenance == {"revision": "abc", "torch": "2"}
    # what is only not told is the same text yet, and may be told again
    assert mine.of("model").but(corpus="udhr").provenance == known
    assert mine.but(model=None, corpus="flores200").provenance == {}


def test_title_has_the_settings_on_a_line_of_their_own():
    headline, settings = WHOLE.title("ILO by layer").split("\n")
    assert headline == "ILO by layer" and settings == f"({WHOLE})"


def test_settings_come_back_from_json():
    kept = json.loads(json.dumps(WHOLE.settings()))
    assert Caption(**kept) == WHOLE and str(Caption(**kept)) == str(WHOLE)
    assert "provenance" not in kept and "split" not in kept


def test_one_sentence_is_told_as_one():
    assert str(Caption(corpus="udhr", sentences=1)) == "udhr, 1 sentence"
    assert str(Caption(corpus="udhr", sentences=11)) == "udhr, 11 sentences"
