"""Parameters, vectors and words of the command line as they should not be."""

import functools
from unittest import mock

import numpy as np
import pandas as pd
import xarray as xr
from cases import Case, changed, dataset_values, lists, loaded, small, tiny, vectors
from conftest import CORPUS

from ilo_helpers import (
    extract_activations,
    ilo_scores,
    language_table,
    nearest_neighbors,
    open_study,
    reproduce,
)
from ilo_helpers.ilo import bridges
from ilo_helpers.neighbors import neighbor_kinds, neighbors_within, without_translations
from ilo_helpers.training.finetuning import fine_tune
from ilo_helpers.training.tasks import load_task
from ilo_helpers.validity.alignment import alignment_scores
from ilo_helpers.validity.intervals import bootstrap_scores, leave_one_out_scores

NAN = float("nan")


def parameter(name, what, value, *told, use):
    """A parameter of a function: its error names it and its value."""
    return Case("parameter", f"{name}: {what}", lambda _: use(value), (*told,))


def equal(name, what, value, wanted, use):
    """A good value in another type: the same comes out as of the usual one."""

    def run(_):
        return _plain(use(value)), _plain(use(wanted))

    return Case("parameter", f"{name}: {what}", run)


def _plain(result):
    """Labels, values and attributes, as Python has them."""
    if isinstance(result, pd.DataFrame):
        return result.to_dict("list"), [type(cell) for cell in result.iloc[0]]
    if isinstance(result, xr.Dataset):
        attrs = {name: (type(value), value) for name, value in result.attrs.items()}
        return dataset_values(result), attrs
    if isinstance(result, dict):
        return {name: _plain(each) for name, each in result.items()}
    return (result.values if isinstance(result, xr.DataArray) else np.asarray(result)).tolist()


def near(**options):
    return nearest_neighbors(vectors(), **{"keep": False, **options})


def of(name, use=near):
    """The function of one parameter alone."""
    return lambda value: use(**{name: value})


extract = functools.partial(extract_activations, tiny(), small())
scores = functools.partial(ilo_scores, lists())
WHOLE = "whole number"
SEARCH = [
    parameter("k", "0", 0, "k = 0", "from 1 to 19", use=of("k")),
    parameter("k", "negative", -3, "k = -3", "from 1 to 19", use=of("k")),
    parameter("k", "as many as there are", 20, "k = 20", "from 1 to 19", use=of("k")),
    parameter("k", "a fraction", 2.5, "k = 2.5", WHOLE, use=of("k")),
    parameter("k", "a whole float", 3.0, "k = 3.0", WHOLE, use=of("k")),
    parameter("k", "a string", "3", "k = '3'", WHOLE, use=of("k")),
    parameter("k", "True", True, "k = True", WHOLE, use=of("k")),
    parameter("k", "numpy's True", np.True_, "k = np.True_", WHOLE, use=of("k")),
    parameter("k", "NaN", NAN, "k = nan", WHOLE, use=of("k")),
    parameter("k", "None", None, "k = None", WHOLE, use=of("k")),
    parameter("k", "a list", [3, 5], "k = [3, 5]", WHOLE, use=of("k")),
    equal("k", "numpy.int64", np.int64(3), 3, of("k")),
    equal("k", "numpy.uint8", np.uint8(3), 3, of("k")),
    equal("k", "an array of no dimension", np.array(3), 3, of("k")),
    parameter("metric", "another", "manhattan", "metric 'manhattan'", "'cosine'", use=of("metric")),
    parameter("metric", "in capitals", "Cosine", "metric 'Cosine'", "'cosine'", use=of("metric")),
    parameter("metric", "a number", 2, "metric 2", "'cosine'", use=of("metric")),
    parameter("metric", "a list", ["cosine"], "metric ['cosine']", "'cosine'", use=of("metric")),
    parameter("metric", "None", None, "metric None", "'cosine'", use=of("metric")),
    equal("metric", "numpy.str_", np.str_("euclidean"), "euclidean", of("metric")),
    parameter("device", "a GPU where there is none", "cuda", "device 'cuda'", "'cpu'",
              use=of("device")),
    parameter("device", "in capitals", "CPU", "device 'CPU'", "'cpu'", use=of("device")),
    parameter("device", "a number", 1, "device 1", "'cpu'", use=of("device")),
    parameter("memory", "a word", "lots", "memory = 'lots'", "'4GB'", use=of("memory")),
    parameter("memory", "negative", -5, "memory = -5", "'4GB'", use=of("memory")),
    parameter("memory", "0", 0, "memory", "at least", use=of("memory")),
    parameter("memory", "True", True, "memory = True", "'4GB'", use=of("memory")),
    parameter("memory", "NaN", NAN, "memory = nan", "'4GB'", use=of("memory")),
    equal("memory", "numpy.int64", np.int64(10**9), 10**9, of("memory")),
    parameter("keep", "a word", "no", "keep", "'no'", "True or False", use=of("keep")),
    parameter("k of a part", "a string", "3", "k = '3'", WHOLE,
              use=lambda k: neighbors_within(lists(), vectors(), k)),
    parameter("k of a part", "negative", -1, "k = -1", "from 1 to 19",
              use=lambda k: neighbors_within(lists(), vectors(), k)),
    parameter("languages of a part", "a code", ["eng_Latn", "deu_Latn"], "languages", "places",
              use=lambda part: neighbors_within(lists(), vectors(), 3, languages=part)),
    parameter("languages of a part", "one out of range", [0, 7], "languages", "7", "0 to 3",
              use=lambda part: neighbors_within(lists(), vectors(), 3, languages=part)),
    parameter("sentences of a part", "not ascending", [2, 1], "sentences", "ascending",
              use=lambda part: neighbors_within(lists(), vectors(), 3, sentences=part)),
    parameter("sentences of a part", "none", [], "sentences", "empty",
              use=lambda part: neighbors_within(lists(), vectors(), 3, sentences=part)),
    parameter("k without translations", "too many", 6, "8 neighbours are stored",
              "call nearest_neighbors(acts, k=9)",
              use=lambda k: without_translations(lists(), k)),
    parameter("k without translations", "0", 0, "k = 0", "at least 1",
              use=lambda k: without_translations(lists(), k)),
    parameter("k of the kinds", "more than stored", 9, "k = 9", "8 neighbours are stored",
              use=lambda k: neighbor_kinds(lists(), k)),
]  # fmt: skip
SCORES = [
    parameter("k of scores", "0", 0, "k = 0", "at least 1", use=of("k", scores)),
    parameter("k of scores", "more than stored", 9, "k = 9", "k=9", use=of("k", scores)),
    parameter("k of scores", "a fraction", 4.5, "k = 4.5", WHOLE, use=of("k", scores)),
    parameter("k of scores", "a string", "5", "k = '5'", WHOLE, use=of("k", scores)),
    parameter("k of scores", "True", True, "k = True", WHOLE, use=of("k", scores)),
    parameter("k of scores", "an empty list", [], "k", "empty", use=of("k", scores)),
    parameter("k of scores", "a list with None", [3, None], "k = None", WHOLE, use=of("k", scores)),
    parameter("k of scores", "a table of numbers", [[3, 5]], "k = [3, 5]", WHOLE,
              use=of("k", scores)),
    parameter("k of scores", "one of them twice", [3, 3], "k", "3", "twice", use=of("k", scores)),
    equal("k of scores", "a range", range(3, 6), [3, 4, 5], of("k", scores)),
    equal("k of scores", "an array", np.array([3, 5]), [3, 5], of("k", scores)),
    equal("k of scores", "numpy.int64", np.int64(5), 5, of("k", scores)),
    parameter("tau", "0", 0, "tau = 0", "from 1 to 3", use=of("tau", scores)),
    parameter("tau", "negative", -1, "tau = -1", "from 1 to 3", use=of("tau", scores)),
    parameter("tau", "all languages", 4, "tau = 4", "from 1 to 3", use=of("tau", scores)),
    parameter("tau", "a fraction", 1.5, "tau = 1.5", WHOLE, use=of("tau", scores)),
    parameter("tau", "a string", "3", "tau = '3'", WHOLE, use=of("tau", scores)),
    parameter("tau", "True", True, "tau = True", WHOLE, use=of("tau", scores)),
    parameter("tau", "an empty list", [], "tau", "empty", use=of("tau", scores)),
    parameter("tau", "more than k", 3, "tau = 3", "k = 2", use=lambda tau: scores(k=2, tau=tau)),
    equal("tau", "a tuple", (1, 2), [1, 2], of("tau", scores)),
    equal("tau", "numpy.int32", np.int32(2), 2, of("tau", scores)),
    parameter("tau of bridges", "a fraction", 1.5, "tau = 1.5", WHOLE,
              use=lambda tau: bridges(lists(), 5, tau)),
    parameter("k of bridges", "a list", [3, 4], "k = [3, 4]", WHOLE,
              use=lambda k: bridges(lists(), k, 2)),
    parameter("tau of the bootstrap", "a list", [1, 2], "tau = [1, 2]", WHOLE,
              use=lambda tau: bootstrap_scores(lists(), 5, tau, 10)),
    equal("k of bridges", "numpy.int64", np.int64(4), 4, lambda k: bridges(lists(), k, 2)),
    parameter("draws", "0", 0, "draws = 0", "at least 1",
              use=lambda draws: bootstrap_scores(lists(), 5, 3, draws)),
    parameter("draws", "a fraction", 9.5, "draws = 9.5", WHOLE,
              use=lambda draws: bootstrap_scores(lists(), 5, 3, draws)),
    parameter("seed", "a word", "x", "seed = 'x'", WHOLE,
              use=lambda seed: bootstrap_scores(lists(), 5, 3, 10, seed)),
    parameter("seed", "negative", -1, "seed = -1", "at least 0",
              use=lambda seed: bootstrap_scores(lists(), 5, 3, 10, seed)),
    parameter("k of the bootstrap", "more than stored", 9, "k = 9", "8 neighbours are stored",
              use=lambda k: bootstrap_scores(lists(), k, 3, 10)),
    parameter("tau of the jackknife", "all languages", 4, "tau = 4", "from 1 to 3",
              use=lambda tau: leave_one_out_scores(lists(), 5, tau)),
    parameter("codes of a table", "a string", "eng_Latn", "'eng_Latn'", "pass a list",
              use=language_table),
    equal("codes of a table", "an array", np.array(["deu_Latn"]), ["deu_Latn"], language_table),
    parameter("metrics of alignment", "another", ["p@1"], "'p@1'", "choose from",
              use=lambda metrics: alignment_scores(vectors(), metrics)),
    parameter("metrics of alignment", "an empty list", [], "metrics", "empty",
              use=lambda metrics: alignment_scores(vectors(), metrics)),
    equal("metrics of alignment", "a string", "P@1", ["P@1"],
          lambda metrics: alignment_scores(vectors(), metrics)),
]  # fmt: skip
TOKENS = "batch_tokens"
EXTRACTION = [
    parameter("pooling", "another", "max", "pooling 'max'", "'mean'", use=of("pooling", extract)),
    parameter("pooling", "an empty list", [], "pooling", "empty", use=of("pooling", extract)),
    parameter("pooling", "one of them twice", ["mean", "mean"], "'mean'", "twice",
              use=of("pooling", extract)),
    parameter("pooling", "a number", 3, "pooling", "3", "list", use=of("pooling", extract)),
    parameter("pooling", "None among them", ["mean", None], "pooling None", "'mean'",
              use=of("pooling", extract)),
    equal("pooling", "numpy.str_", np.str_("last"), "last", of("pooling", extract)),
    equal("pooling", "a tuple", ("mean", "last"), ["mean", "last"], of("pooling", extract)),
    parameter(TOKENS, "negative", -5, "batch_tokens = -5", "at least 1", use=of(TOKENS, extract)),
    parameter(TOKENS, "0", 0, "batch_tokens = 0", "at least 1", use=of(TOKENS, extract)),
    parameter(TOKENS, "a fraction", 99.5, "batch_tokens = 99.5", WHOLE, use=of(TOKENS, extract)),
    parameter(TOKENS, "a string", "512", "batch_tokens = '512'", WHOLE, use=of(TOKENS, extract)),
    parameter(TOKENS, "True", True, "batch_tokens = True", WHOLE, use=of(TOKENS, extract)),
    equal(TOKENS, "numpy.int64", np.int64(64), 64, of(TOKENS, extract)),
    parameter("bos", "a word", "no", "bos", "'no'", "True or False", use=of("bos", extract)),
    equal("bos", "numpy's False", np.False_, False, of("bos", extract)),
]  # fmt: skip


# -- corpora that are no longer what load_corpus returned ----------------------------------


def corpus(what, change, *told):
    """A table of sentences, changed by a function of a copy."""

    def run(_):
        return extract_activations(loaded(), change(small().copy()))

    return Case("activations", f"a corpus: {what}", run, told)


def _cell(value):
    def change(table):
        table = table.astype(object)
        table.iloc[1, 2] = value
        return table

    return change


HERE = ("ind_Latn", "sentence 2")
CORPORA = [
    Case("activations", "a corpus: its name", lambda _: extract_activations(loaded(), "udhr"),
         ("'udhr'", "load_corpus")),
    Case("activations", "a corpus: a list", lambda _: extract_activations(loaded(), [["a", "b"]]),
         ("[['a', 'b']]", "load_corpus")),
    Case("activations", "a corpus: None", lambda _: extract_activations(loaded(), None),
         ("None", "load_corpus")),
    Case("activations", "a corpus: one language of it",
         lambda _: extract_activations(loaded(), small()["eng_Latn"]), ("Series", "load_corpus")),
    corpus("a number in it", _cell(7), *HERE, "7, not text"),
    corpus("NaN in it", _cell(NAN), *HERE, "nan, not text"),
    corpus("None in it", _cell(None), *HERE, "not text"),
    corpus("bytes in it", _cell(b"text"), *HERE, "b'text', not text"),
    corpus("an empty cell", _cell(" "), *HERE, "empty"),
    corpus("no sentence", lambda table: table.iloc[:0], "no sentence", "at least one"),
    corpus("no language", lambda table: table.iloc[:, :0], "no language",
           "at least one"),
    corpus("a language twice", lambda table: table.set_axis(["eng_Latn"] * 3, axis=1), "eng_Latn",
           "twice"),
    corpus("a sentence twice", lambda table: table.set_axis(["1"] * 3), "'1'", "twice"),
    corpus("languages that are numbers", lambda table: table.set_axis(range(3), axis=1), "0",
           "'eng_Latn'"),
    corpus("a language that is another place",
           lambda table: table.rename(columns={"eng_Latn": "../../eng_Latn"}), "'../../eng_Latn'",
           "'eng_Latn'"),
    corpus("ids that are numbers", lambda table: table.set_axis(range(3)), "id 0", "str"),
    corpus("the table on its side", lambda table: table.T, "'1'", "'eng_Latn'"),
    corpus("a line of 1 MB", lambda table: _cell("x" * 10**6)(table), *HERE, "split the sentence"),
]  # fmt: skip


# -- vectors and lists ----------------------------------------------------------------------


def acts(what, make, *told, metric="cosine"):
    """Vectors that cannot be searched."""

    def run(_):
        return nearest_neighbors(make(), k=3, metric=metric)

    kept = ("layer-0.json",) if set(THERE) <= set(told) else ()  # the fault is in layer 1
    return Case("activations", what, run, told, kept)


def found(what, make, *told):
    """Neighbours that cannot be scored."""
    return Case("activations", f"neighbours: {what}", lambda _: ilo_scores(make(), 5, 3), told)


def _labels(dim, labels):
    return lambda: vectors().assign_coords({dim: labels})


def _attrs(_):
    """A model in the attributes and no corpus: what is missing is left out of the name."""
    named = vectors().assign_attrs(model="mine")
    return dataset_values(nearest_neighbors(named, k=3)), dataset_values(near(k=3))


def _unlabelled(_):
    """Of vectors without labels, places are the labels."""
    bare = vectors().drop_vars(["layer", "language", "sentence"])
    return dataset_values(nearest_neighbors(bare, k=3)), dataset_values(near(k=3))


def _other_dtype(dtype):
    def run(_):
        plain = np.round(vectors().values * 4)
        ours, usual = (vectors().copy(data=plain.astype(each)) for each in (dtype, np.float32))
        return dataset_values(nearest_neighbors(ours, k=3)), dataset_values(
            nearest_neighbors(usual, k=3)
        )

    return run


THERE = ("layer 1", "language deu_Latn", "sentence 2")
VECTORS = [
    acts("a NumPy array", lambda: vectors().values, "ndarray", "xarray.DataArray"),
    acts("a list", lambda: vectors().values.tolist(), "list", "xarray.DataArray"),
    acts("None", lambda: None, "None", "xarray.DataArray"),
    acts("a dictionary, as of several poolings", lambda: {"mean": vectors()}, "dict", "'mean'"),
    acts("the neighbours in place of the vectors", lists, "Dataset", "xarray.DataArray"),
    acts("a dimension less", lambda: vectors()[0], "dimensions", "'layer'"),
    acts("a dimension of another name", lambda: vectors().rename(hidden="feature"), "'feature'",
         "'hidden'"),
    acts("NaN in a vector", lambda: changed((1, 1, 2, 0), np.nan), *THERE, "not finite"),
    acts("infinity in a vector", lambda: changed((1, 1, 2, 0), -np.inf), *THERE, "not finite",
         metric="euclidean"),
    acts("a vector of zeros, by cosine", lambda: changed((1, 1, 2), 0), *THERE, "zero"),
    acts("a language twice", _labels("language", ["eng_Latn"] * 2 + ["fra_Latn", "tha_Thai"]),
         "language", "eng_Latn", "twice"),
    acts("a layer twice", _labels("layer", [1, 1]), "layer", "1", "twice"),
    acts("a sentence twice", _labels("sentence", list("abcda")), "sentence", "a", "twice"),
    acts("no layer", lambda: vectors()[:0], "layer", "empty"),
    acts("no numbers", lambda: vectors()[..., :0], "hidden", "empty"),
    acts("complex numbers", lambda: vectors() * 1j, "complex", "float"),
    acts("text", lambda: vectors().astype(str), "dtype", "float"),
    acts("objects", lambda: vectors().astype(object), "object", "float"),
    acts("a layer that is another place", lambda: vectors().assign_coords(
        layer=["../../a", "b"]), "layer", "'../../a'"),
    Case("activations", "attributes with a model but no corpus", _attrs),
    Case("activations", "no labels", _unlabelled),
    Case("activations", "float16", _other_dtype(np.float16)),
    Case("activations", "int64", _other_dtype(np.int64)),
    found("the vectors in their place", vectors, "DataArray", "nearest_neighbors"),
    found("a NumPy array", lambda: lists()["index"].values, "ndarray", "nearest_neighbors"),
    found("None", lambda: None, "None", "nearest_neighbors"),
    found("no indices", lambda: lists().drop_vars("index"), "'index'", "nearest_neighbors"),
    found("an index out of range", lambda: lists().assign(index=lists()["index"] + 15), "index",
          "0 to 19", "whole corpus"),
    found("of a part, with the indices of the whole", lambda: lists().isel(language=[0, 1]),
          "index", "neighbors_within"),
    found("indices that are fractions", lambda: lists().assign(index=lists()["index"] / 2),
          "index", "int"),
]  # fmt: skip


# -- open_study and fine_tune: asked for long before it is needed --------------------------


def study(what, options, *told):
    def run(_):
        return open_study(tiny(), CORPUS, sentences=3, **options).scores

    return Case("parameter", f"open_study: {what}", run, told)


def tuned(what, options, *told):
    def run(_):
        task = load_task("cldr", ["eng_Latn"])
        return fine_tune(**{"model": tiny(), "task": task, **options})

    return Case("parameter", f"fine_tune: {what}", run, told)


STUDIES = [
    study("k is a string", {"k": "5"}, "k = '5'", WHOLE),
    study("k is more than there are", {"k": 18}, "k = 18", "from 1 to 17"),
    study("tau is a fraction", {"tau": 1.5}, "tau = 1.5", WHOLE),
    study("tau is more than there are languages", {"tau": 6, "k": 9}, "tau = 6", "from 1 to 5"),
    study("tau is more than k", {"tau": 4, "k": 3}, "tau = 4", "k = 3"),
    study("another metric", {"metric": "dot"}, "metric 'dot'", "'cosine'"),
    study("another pooling", {"pooling": "max"}, "pooling 'max'", "'mean'"),
    study("another dtype", {"dtype": "half"}, "dtype 'half'", "'bfloat16'"),
    tuned("epochs is 0", {"epochs": 0}, "epochs = 0", "at least 1"),
    tuned("epochs is a fraction", {"epochs": 1.5}, "epochs = 1.5", WHOLE),
    tuned("the learning rate is a string", {"learning_rate": "2e-5"}, "learning_rate = '2e-5'",
          "number"),
    tuned("the learning rate is negative", {"learning_rate": -1e-5}, "learning_rate = -1e-05",
          "above 0"),
    tuned("the learning rate is NaN", {"learning_rate": NAN}, "learning_rate = nan", "number"),
    tuned("the seed is negative", {"seed": -1}, "seed = -1", "at least 0"),
    tuned("the language is a list", {"language": ["eng_Latn"]}, "['eng_Latn']", "joined by +"),
    tuned("another freeze", {"freeze": "frist-2"}, "freeze 'frist-2'", "'first-8'"),
    tuned("freeze is a list", {"freeze": ["table"]}, "freeze ['table']", "joined by +"),
    tuned("a freeze of more blocks than there are", {"freeze": "first-9"}, "'first-9'", "1 to 3"),
    tuned("the task's name in its place", {"task": "cldr"}, "'cldr'", "load_task"),
]  # fmt: skip


# -- the command line ------------------------------------------------------------------------


def command(what, words, *told):
    """Words after ``python -m ilo_helpers.reproduce``; no notebook is to start."""

    def run(_):
        with mock.patch.object(reproduce, "_run"):
            return reproduce.main(words.split())

    return Case("command line", what, run, told)


COMMANDS = [
    command("K=abc", "K=abc", "--k", "'abc'", "int"),
    command("K=2.5", "K=2.5", "--k", "'2.5'", "int"),
    command("K=0", "K=0", "k = 0", "at least 1"),
    command("K=-3", "K=-3", "k = -3", "at least 1"),
    command("K= and nothing", "K=", "--k", "''", "int"),
    command("K=True", "K=True", "--k", "'True'", "int"),
    command("K=None, where there is no default", "K=None", "k = None", "give a value"),
    command("TAU=0", "TAU=0", "tau = 0", "at least 1"),
    command("TAU=9 K=5", "TAU=9 K=5", "tau = 9", "k = 5"),
    command("SENTENCES=-2", "SENTENCES=-2", "sentences = -2", "at least 1"),
    command("SENTENCES=many", "SENTENCES=many", "--sentences", "'many'", "int"),
    command("LANGUAGES=eng_Latn", "LANGUAGES=eng_Latn", "eng_Latn", "at least 2"),
    command("LANGUAGES=english,german", "LANGUAGES=english,german", "'english'", "'eng_Latn'"),
    command("LANGUAGES= and nothing", "LANGUAGES=", "languages", "empty"),
    command("a language twice", "LANGUAGES=eng_Latn,eng_Latn", "eng_Latn", "twice"),
    command("METRIC=dot", "METRIC=dot", "metric 'dot'", "'cosine'"),
    command("POOLING=max", "POOLING=max", "pooling 'max'", "'mean'"),
    command("DTYPE=int8", "DTYPE=int8 NOTEBOOKS=02", "dtype 'int8'", "'bfloat16'"),
    command("MODEL=gema-3-270m", "MODEL=gema-3-270m", "'gema-3-270m'", "did you mean"),
    command("CORPUS=flores20", "CORPUS=flores20", "'flores20'", "did you mean 'flores200'"),
    command("LEARNING_RATE=fast", "LEARNING_RATE=fast", "--learning-rate", "'fast'", "float"),
    command("LEARNING_RATE=-1", "LEARNING_RATE=-1", "learning_rate = -1.0", "above 0"),
    command("LEARNING_RATE=nan", "LEARNING_RATE=nan", "learning_rate = nan", "number"),
    command("EPOCHS=0", "EPOCHS=0", "epochs = 0", "at least 1"),
    command("SEED=-1", "SEED=-1", "seed = -1", "at least 0"),
    command("DRAWS=0", "DRAWS=0", "draws = 0", "at least 1"),
    command("PARITY=perhaps", "PARITY=perhaps", "--parity", "'perhaps'", "bool"),
    command("PARITY=3", "PARITY=3", "parity", "3", "True or False"),
    command("a parameter that there is not", "TEMPERATURE=3", "--temperature=3",
            "unrecognized", "usage: ", "--sentences INT"),
    command("a parameter that the notebook has not", "NOTEBOOKS=01 K=3", "k", "only corpus"),
    command("a notebook that there is not", "NOTEBOOKS=99", "'99'", "01_corpus"),
    command("CLUSTER=many", "CLUSTER=many", "CLUSTER=many", "tcp://host:8786"),
    command("CLUSTER=0", "CLUSTER=0", "CLUSTER=0", "tcp://host:8786"),
]  # fmt: skip

CASES = [*SEARCH, *SCORES, *EXTRACTION, *CORPORA, *VECTORS, *STUDIES, *COMMANDS]
