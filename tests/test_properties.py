"""What must hold for every input of a kind, tried on inputs that hypothesis thinks of.

Always the same ones: the examples hang on the code of the test alone.
"""

import itertools
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from made import table, world
from scipy import stats
from test_ilo import by_definition

from ilo_helpers import ilo_scores, load_corpus, nearest_neighbors
from ilo_helpers._search.knn import knn
from ilo_helpers.corpora import fingerprint
from ilo_helpers.ilo import number_blocks, tally_lists
from ilo_helpers.keep import arguments
from ilo_helpers.keep.checks import compare_tables
from ilo_helpers.keep.paths import slug
from ilo_helpers.languages import language_table, paper_order
from ilo_helpers.neighbors import neighbors_within, without_translations
from ilo_helpers.pooling import length_batches
from ilo_helpers.training.tasks import load_task
from ilo_helpers.validity.chance import expected_scores
from ilo_helpers.validity.cka import linear_cka
from ilo_helpers.validity.intervals import bootstrap_scores, interval, jackknife_interval

settings.register_profile(
    "same", derandomize=True, database=None, deadline=None, max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
settings.load_profile("same")

CODES = ["eng_Latn", "deu_Latn", "fra_Latn", "tha_Thai", "rus_Cyrl"]
#: Sentences of any characters but those that end a line, no text, or (U+FEFF) begin a file.
sentence = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\ufeff"), min_size=1
).filter(str.strip)
texts = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(sentence, min_size=n, max_size=n), min_size=2, max_size=4)
)


def folder():
    """A context that gives a path to an empty folder."""
    return tempfile.TemporaryDirectory()


def cleaned(column):
    return [" ".join(each.split()) for each in column]


# -- corpora --------------------------------------------------------------------------------


@given(texts, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_folder_of_texts_is_read_as_it_was_written(columns, end, bom, ended):
    with folder() as at:
        for code, column in zip(CODES, columns, strict=False):
            text = "\ufeff" * bom + end.join(column) + end * ended
            Path(at, f"{code}.txt").write_bytes(text.encode())
        corpus, raw = load_corpus(at), load_corpus(at, normalize_whitespace=False)
    assert list(corpus) == paper_order(CODES[: len(columns)])
    for code, column in zip(CODES, columns, strict=False):
        assert corpus[code].tolist() == cleaned(column) and raw[code].tolist() == column
    assert corpus.index.tolist() == [str(i + 1) for i in range(len(columns[0]))]


@given(texts)
def test_the_kind_of_file_does_not_matter(columns):
    columns = [[each.replace("\t", " ") for each in column] for column in columns]
    wide = pd.DataFrame(dict(zip(CODES, columns, strict=False)))
    with folder() as at:
        wide.to_csv(Path(at, "t.csv"), index=False)
        wide.to_parquet(Path(at, "t.parquet"))
        lines = ["\t".join(row) for row in [wide.columns, *wide.to_numpy()]]
        Path(at, "t.tsv").write_text("\n".join(lines) + "\n", newline="")
        read = [load_corpus(Path(at, f"t.{kind}")) for kind in ("csv", "tsv", "parquet")]
    for corpus in read:
        assert corpus[wide.columns].to_numpy().tolist() == [
            cleaned(row) for row in wide.to_numpy().tolist()
        ]
    assert len({corpus.attrs["fingerprint"] for corpus in read}) == 1


@given(st.binary(max_size=60), st.sampled_from(["deu_Latn.txt", "t.csv", "t.tsv", "t.parquet"]))
def test_any_bytes_are_a_corpus_or_a_clear_error(content, name):
    with folder() as at:
        Path(at, "eng_Latn.txt").write_text("one\ntwo\n")
        Path(at, name).write_bytes(content)
        try:
            corpus = load_corpus(at if name.endswith("txt") else Path(at, name))
        except ValueError as error:
            assert "corpus" in str(error)
            return
    assert all(isinstance(cell, str) and cell.strip() for cell in corpus.to_numpy().ravel())


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_a_task_or_a_clear_error(content, headed):
    head = b"language,split,id,text,label\n" * headed
    with folder() as at:
        Path(at, "t.csv").write_bytes(head + content)
        try:
            load_task(Path(at, "t.csv"))
        except ValueError as error:
            assert "task 't'" in str(error) or "language code" in str(error)
        else:
            raise AssertionError("40 bytes cannot hold three splits")


@given(texts, st.data())
def test_a_fingerprint_sees_every_cell(columns, data):
    corpus = table(dict(zip(CODES, columns, strict=False)))
    before = fingerprint(corpus)
    row = data.draw(st.integers(0, len(corpus) - 1))
    column = data.draw(st.integers(0, corpus.shape[1] - 1))
    corpus.iloc[row, column] += "x"
    assert fingerprint(corpus) != before
    corpus.iloc[row, column] = corpus.iloc[row, column][:-1]
    assert fingerprint(corpus) == before
    assert fingerprint(corpus.iloc[:, ::-1]) != before


# -- neighbours -----------------------------------------------------------------------------


@st.composite
def points(draw, zeros):
    """Small whole numbers times a power of two: many ties, and exact in every dtype.

    Rows are doubled, dimensions held constant, norms huge or so small that float32 has them as
    denormals alone.
    """
    rows, hidden = draw(st.integers(4, 40)), draw(st.integers(1, 4))
    span = draw(st.sampled_from([1, 3, 100]))
    values = draw(arrays.arrays(np.int64, (rows, hidden), elements=st.integers(-span, span)))
    copies = draw(st.lists(st.tuples(st.integers(0, rows - 1), st.integers(0, rows - 1))))
    for one, other in copies:
        values[one] = values[other]
    if draw(st.booleans()):
        values[:, 0] = draw(st.integers(-span, span))
    if not zeros:
        values[(values == 0).all(axis=1), 0] = 1
    scale = draw(st.sampled_from([0, -149, -130, -60, 60, 115]))
    return values, scale, draw(st.integers(1, rows - 1))


@given(points(zeros=True))
def test_euclidean_lists_are_exact_with_ties_zeros_denormals_and_huge_norms(made):
    whole, scale, k = made
    values = np.ldexp(whole.astype(np.float64), scale).astype(np.float32)
    index, distance = knn(values, k, "euclidean")
    squares = ((whole[:, None] - whole) ** 2).sum(-1)  # in whole numbers
    np.fill_diagonal(squares, np.iinfo(np.int64).max)
    expected = np.argsort(squares, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(index, expected)
    exact = np.ldexp(np.sqrt(np.take_along_axis(squares, expected, 1)), scale)
    np.testing.assert_allclose(distance, exact, rtol=1e-6, atol=2.0**-149)


def later(own, one, other):
    """Whether, seen from a point, one has a smaller cosine than another, in fractions."""

    def signed(x):  # sign(x·y) (x·y)² / |y|², which orders as the cosine does
        product = sum(int(a) * int(b) for a, b in zip(own, x, strict=True))
        return Fraction(product * abs(product), sum(int(a) ** 2 for a in x))

    return signed(one) < signed(other)


@given(points(zeros=False))
def test_cosine_lists_leave_out_nobody_who_is_nearer(made):
    whole, scale, k = made
    values = np.ldexp(whole.astype(np.float64), scale).astype(np.float32)
    index, distance = knn(values, k, "cosine")
    assert (np.diff(distance, axis=1) >= 0).all() and (distance >= 0).all()
    for row, near in enumerate(index):
        assert len({row, *near}) == k + 1
        outside = set(range(len(whole))) - {row, *near}
        last = whole[near[-1]]
        assert not any(later(whole[row], last, whole[other]) for other in outside)
        for one, other in itertools.pairwise(near):
            assert not later(whole[row], whole[one], whole[other])
            if (whole[one] == whole[other]).all():
                assert one < other  # copies come in the order of their places


@given(points(zeros=True), st.sampled_from([np.float16, np.float64, np.int64]))
def test_the_dtype_does_not_matter(made, dtype):
    whole, _, k = made
    expected = knn(whole.astype(np.float32), k, "euclidean")
    for found, wanted in zip(knn(whole.astype(dtype), k, "euclidean"), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


shapes = st.tuples(st.integers(1, 2), st.integers(2, 4), st.integers(2, 4), st.integers(1, 3))


@given(shapes, st.integers(0, 2**32 - 1), st.data())
def test_a_part_cut_from_the_lists_is_the_search_of_the_part(shape, seed, data):
    acts = world(np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32))
    size = shape[1] * shape[2]
    whole = nearest_neighbors(acts, data.draw(st.integers(1, size - 1)), "euclidean", keep=False)
    places = [
        sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=least)))
        for n, least in ((shape[1], 1), (shape[2], 2))
    ]
    k = data.draw(st.integers(1, len(places[0]) * len(places[1]) - 1))
    found = neighbors_within(whole, acts, k, *places)
    part = acts.isel(language=places[0], sentence=places[1])
    expected = nearest_neighbors(part, k, "euclidean", keep=False)
    np.testing.assert_array_equal(found["index"], expected["index"])
    np.testing.assert_array_equal(found["distance"], expected["distance"])


@given(shapes, st.integers(0, 2**32 - 1))
def test_without_translations_are_the_nearest_of_the_others(shape, seed):
    acts = world(np.random.default_rng(seed).normal(size=shape))
    size = shape[1] * shape[2]
    k = size - shape[1]  # all that are no translations
    lists = nearest_neighbors(acts, size - 1, "euclidean", keep=False)
    for row, near in enumerate(without_translations(lists, k)["index"].values[0].reshape(-1, k)):
        every = lists["index"].values[0].reshape(size, -1)[row]
        assert near.tolist() == [i for i in every if i % shape[2] != row % shape[2]]


# -- scores ---------------------------------------------------------------------------------


@st.composite
def neighbor_lists(draw):
    """Any places at all, as lists of neighbours."""
    layers, languages = draw(st.integers(1, 2)), draw(st.integers(2, 5))
    sentences, k = draw(st.integers(2, 5)), draw(st.integers(1, 6))
    places = st.integers(0, languages * sentences - 1)
    index = draw(arrays.arrays(np.int32, (layers, languages, sentences, k), elements=places))
    dims = ("layer", "language", "sentence", "neighbor")
    tau = draw(st.integers(1, min(k, languages - 1)))
    return xr.Dataset({"index": (dims, index)}, {d: range(n) for d, n in zip(
        dims, index.shape, strict=True)}), draw(st.integers(tau, k)), tau  # fmt: skip


@given(neighbor_lists())
def test_ilo_is_its_definition(made):
    neighbors, k, tau = made
    found = ilo_scores(neighbors, k, tau)[["bridge", "reach", "ilo"]]
    np.testing.assert_allclose(found, by_definition(neighbors, k, tau), atol=1e-12)


def of_weighted(neighbors, k, tau, weights):
    """Scores of each layer and language where sentence i counts ``weights[i]`` times."""
    index, n = neighbors["index"].values, neighbors.sizes["sentence"]
    scores = np.zeros((3, *index.shape[:2]))
    for layer, language in np.ndindex(index.shape[:2]):
        met, bridging = set(), 0
        for near, times in zip(index[layer, language], weights, strict=True):
            others = {int(i) // n for i in near[:k]} - {language}
            met |= others if times else set()
            bridging += times * (len(others) >= tau)
        b, r = bridging / sum(weights), len(met) / (index.shape[1] - 1)
        scores[:, layer, language] = b, r, 2 * b * r / (b + r) if b + r else 0
    return dict(zip(("bridge", "reach", "ilo"), scores, strict=True))


@given(neighbor_lists(), st.integers(0, 1000))
def test_the_bootstrap_is_of_resampled_sentences(made, seed):
    neighbors, k, tau = made
    n = neighbors.sizes["sentence"]
    found = bootstrap_scores(neighbors, k, tau, draws=3, seed=seed)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), 3)
    for draw, weights in enumerate(drawn):
        for name, values in of_weighted(neighbors, k, tau, weights).items():
            np.testing.assert_allclose(found[name][draw], values, atol=1e-6, err_msg=name)


@given(neighbor_lists(), st.data())
def test_the_jackknife_is_of_all_blocks_but_one(made, data):
    neighbors, k, tau = made
    n = neighbors.sizes["sentence"]
    blocks = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    if len(set(blocks)) < 2:
        blocks[:2] = "xy"
    found = tally_lists(neighbors).without_each(k, tau, blocks)
    for place, block in enumerate(dict.fromkeys(blocks)):
        weights = [int(each != block) for each in blocks]
        for name, values in of_weighted(neighbors, k, tau, weights).items():
            np.testing.assert_allclose(found[name][place], values, atol=1e-12, err_msg=name)
    numbers = number_blocks(blocks, n)
    assert [blocks[i] == blocks[0] for i in range(n)] == (numbers == 0).tolist()


@given(st.integers(2, 3), st.integers(2, 3), st.data())
def test_chance_is_the_mean_over_all_lists(languages, sentences, data):
    k = data.draw(st.integers(1, min(3, languages * sentences - 1)))
    tau = data.draw(st.integers(1, languages - 1))
    others = [i // sentences for i in range(1, languages * sentences)]  # of the first sentence
    lists = [set(near) - {0} for near in itertools.combinations(others, k)]
    found = expected_scores(sentences, languages, k, tau)
    assert np.isclose(found["bridge"], np.mean([len(met) >= tau for met in lists]))
    missed = np.mean([1 not in met for met in lists])
    assert np.isclose(found["reach"], 1 - missed**sentences)


# -- statistics -----------------------------------------------------------------------------

numbers = st.floats(-1e6, 1e6)
samples = st.lists(numbers, min_size=3, max_size=30).map(np.array)


@given(samples)
def test_of_a_mean_the_jackknife_s_error_is_the_standard_error(values):
    without = (values.sum() - values) / (len(values) - 1)
    low, high = jackknife_interval(values.mean(), without)
    half = stats.norm.ppf(0.975) * stats.sem(values)
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half],
                               rtol=1e-6, atol=1e-4)  # fmt: skip


@given(samples, st.randoms(use_true_random=False))
def test_a_percentile_interval_does_not_depend_on_the_order(values, random):
    low, high = interval(values)
    assert values.min() <= low <= np.median(values) <= high <= values.max()
    assert (low, high) == interval(np.array(random.sample(values.tolist(), len(values))))


@given(st.integers(0, 2**32 - 1), st.integers(4, 9), st.floats(0.1, 100))
def test_cka_ignores_rotation_and_scale(seed, n, scale):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n, 3))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    value = linear_cka(x, y)
    assert value <= 1 + 1e-9  # of few sentences the unbiased estimator may well be below 0
    assert np.isclose(linear_cka(x @ rotation * scale + 3, y), value)
    assert np.isclose(linear_cka(x, x @ rotation), 1) and np.isclose(linear_cka(y, x), value)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 200))
def test_batches_hold_every_sentence_once_and_no_more_than_they_may(lengths, most):
    batches = list(length_batches(lengths, most))
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= most


@given(st.lists(st.floats(), min_size=1, max_size=8), st.floats(0, 1), st.data())
def test_a_table_equals_itself_and_no_other(column, tolerance, data):
    kept = pd.DataFrame({"x": column})
    assert compare_tables(kept, kept.copy(), "t", tolerance).empty
    made, row = kept.copy(), data.draw(st.integers(0, len(column) - 1))
    made.loc[row, "x"] = 5.0 if not np.isfinite(made.loc[row, "x"]) else np.nan
    moved = compare_tables(kept, made, "t", tolerance)
    assert moved[["column", "row"]].to_numpy().tolist() == [["x", row]]


# -- names and arguments --------------------------------------------------------------------


@given(st.text())
def test_a_slug_is_never_another_folder(name):
    assert slug(name) == Path(f"x{slug(name)}").name[1:]
    assert "/" not in slug(name) and "\0" not in slug(name) and not slug(name).startswith("_")


@given(st.permutations(sorted(language_table().index)[:8]))
def test_the_paper_s_order_is_one(codes):
    assert paper_order(codes) == [code for code in language_table().index if code in codes]


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=4),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2), st.complex_numbers(),
    st.fractions(), st.dates(), st.sampled_from([np.int8(3), np.float32(2), np.array([1, 2]), int]),
)  # fmt: skip


@given(anything)
@settings(max_examples=200)
def test_an_argument_is_taken_or_refused_and_never_anything_else(value):
    checks = {
        arguments.whole: int, arguments.wholes: list, arguments.positive: float,
        arguments.flag: bool, arguments.several: list,
    }  # fmt: skip
    for check, kind in checks.items():
        try:
            taken = check("name", value)
        except ValueError as error:
            assert "name" in str(error)
        else:
            assert type(taken) is kind
    try:
        assert arguments.one_of("name", value, ["x", "y"]) == value
    except ValueError as error:
        assert "choose from 'x', 'y'" in str(error)
