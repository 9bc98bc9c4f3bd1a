"""Models as they should not be: folders that lack something, or hold something else."""

import json
import shutil
import socket
import time
from unittest import mock

import numpy as np
import torch
from cases import Case, small, tiny
from safetensors.torch import load_file, save_file

from ilo_helpers import extract_activations, load_model
from ilo_helpers.training.objectives import causal_model

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


def model(what, change, *told, kind="llama", use=None):
    """A copy of a tiny model, changed by a function of its folder, and vectors taken of it."""

    def run(at):
        folder = shutil.copytree(tiny(kind), at / "broken")
        change(folder)
        if use:
            return use(load_model(folder))
        return extract_activations(folder, small())

    return Case("model", what, run, told)


def named(what, name, *told, **options):
    """A name, or another argument, and no model there."""
    return Case("model", what, lambda _: load_model(name, **options), told)


def configured(**values):
    """Such a change: other values in the configuration."""

    def change(folder):
        file = folder / "config.json"
        config = json.loads(file.read_text()) | values
        file.write_text(json.dumps(config))

    return change


def weights(change):
    """Such a change: of the dictionary of all tensors."""

    def write(folder):
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    return write


def without(*names):
    """Such a change: files that are not there."""
    return lambda folder: [(folder / name).unlink() for name in names]


def bytes_of(name, content):
    """Such a change: a file of other bytes."""
    return lambda folder: (folder / name).write_bytes(content)


def _sharded(folder, missing=True):
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[::2],
              "model-00002-of-00002.safetensors": names[1::2]}  # fmt: skip
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, folder / shard, {"format": "pt"})
    places = {name: shard for shard, held in shards.items() for name in held}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index))
    (folder / WEIGHTS).unlink()
    if missing:
        (folder / "model-00002-of-00002.safetensors").unlink()


def _pickled(folder):
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def _cut(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def _nan(tensors):
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")


def _remote(folder):
    """Code that would leave a trace."""
    code = f"open({str(folder.parent / 'executed')!r}, 'w')\nfrom transformers import LlamaModel\n"
    (folder / "modeling_own.py").write_text(code)
    names = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.LlamaModel"}
    configured(model_type="own", architectures=["Own"], auto_map=names)(folder)


def _own_tokenizer(folder):
    """The same of a tokenizer, where transformers has one of the model's kind."""
    (folder / "own.py").write_text(f"open({str(folder.parent / 'executed')!r}, 'w')\n")
    file = folder / "tokenizer_config.json"
    told = json.loads(file.read_text())
    told |= {"auto_map": {"AutoTokenizer": ["own.Own", None]}, "tokenizer_class": "Own"}
    file.write_text(json.dumps(told))


def _larger_vocabulary(folder):
    """The tokenizer of a model with more tokens: every id is 300 higher."""
    file = folder / "tokenizer.json"
    told = json.loads(file.read_text())
    vocabulary = told["model"]["vocab"]
    told["model"]["vocab"] = {
        token: i + 300 * (not token.startswith("<")) for token, i in vocabulary.items()
    }
    file.write_text(json.dumps(told))


def _both(folder):
    """Safetensors with a pickle beside them, which is not read."""
    (folder / "pytorch_model.bin").write_bytes(b"no pickle at all")


def _sharded_whole(at):
    folder = shutil.copytree(tiny(), at / "broken")
    _sharded(folder, missing=False)
    found, wanted = (extract_activations(each, small()) for each in (folder, tiny()))
    return found.values.tolist(), wanted.values.tolist()


def _without_network(_):
    """A name that might be on the hub, where no name of a machine can be looked up."""
    failure = socket.gaierror(-2, "Name or service not known")
    with mock.patch("socket.getaddrinfo", side_effect=failure):
        start = time.monotonic()
        try:
            return load_model("someone/nothing")
        finally:
            assert time.monotonic() - start < 10  # its own client would try for half a minute


def _same(options):
    """A good value in another type: the attributes of the model, and those with the usual type."""

    def run(_):
        return load_model(tiny(), **options).attrs, load_model(tiny(), "float32", "cpu").attrs

    return run


FOLDERS = [
    model("no configuration", without("config.json"), "'broken'", "config.json", "known names"),
    model("a configuration that is no JSON", bytes_of("config.json", b"{"), "config.json", "JSON"),
    model("an architecture that transformers does not know",
          configured(model_type="martian", architectures=["Martian"]), "'broken'", "martian"),
    model("no weights", without(WEIGHTS), "'broken'", "no weights", ".safetensors"),
    model("a shard that is missing", _sharded, "'broken'", "model-00002-of-00002.safetensors",
          "fetch"),
    model("an index that is no JSON", bytes_of(INDEX, b"{"), INDEX, "fetch"),
    model("an index without places", bytes_of(INDEX, b'{"metadata": {}}'), INDEX, "fetch"),
    model("an index of another place",
          bytes_of(INDEX, b'{"weight_map": {"x": "../tiny/model.safetensors"}}'),
          "model.safetensors", "which its index names"),
    model("weights cut short", _cut, WEIGHTS, "fetch"),
    model("weights that are no safetensors", bytes_of(WEIGHTS, b"x" * 100), WEIGHTS, "fetch"),
    model("weights of no byte", bytes_of(WEIGHTS, b""), WEIGHTS, "fetch"),
    model("weights as a pickle alone", _pickled, "pytorch_model.bin", "never read", "save_"),
    model("weights of whole numbers",
          weights(lambda all: all.update({name: value.to(torch.int8) for name, value in
                                          all.items()})), "I8", "float"),
    model("NaN in a weight", weights(_nan), "layers.1.mlp.up_proj.weight", "not finite", "fetch"),
    model("a tensor that is missing",
          weights(lambda all: all.pop("model.layers.1.mlp.up_proj.weight")),
          "layers.1.mlp.up_proj.weight", "not in its files"),
    model("a tensor of another shape",
          weights(lambda all: all.update({"model.layers.1.mlp.up_proj.weight": torch.ones(3, 3)})),
          "layers.1.mlp.up_proj.weight", "shape"),
    model("the token table missing", weights(lambda all: all.pop("model.embed_tokens.weight")),
          "embed_tokens.weight", "not in its files"),
    model("a head that is not tied and not there", weights(lambda all: all.pop("lm_head.weight")),
          "lm_head.weight", "head", use=causal_model),
    model("fewer blocks in the files than in the configuration", configured(num_hidden_layers=5),
          "layers.3", "not in its files"),
    model("a configuration of another width", configured(hidden_size=64), "shape",
          "not of one model; fetch"),
    model("no tokenizer", without(*TOKENIZER), "'broken'", "tokenizer"),
    model("a tokenizer that is no JSON", bytes_of("tokenizer.json", b"{"), "'broken'", "tokenizer"),
    model("a tokenizer with ids that the model has no rows for", _larger_vocabulary, "'broken'",
          "tokenizer", "400", "of one model"),
    model("auto_map: code of the model's own", _remote, "'broken'", "code of its own",
          "never run"),
    model("auto_map: code of the tokenizer's own", _own_tokenizer, "'broken'", "code of its own",
          "never run"),
    Case("model", "weights in two shards", _sharded_whole),
    Case("model", "a pickle beside safetensors is not read", lambda at: (
        _both(copy := shutil.copytree(tiny(), at / "broken"))
        or extract_activations(copy, small()).values.tolist(),
        extract_activations(tiny(), small()).values.tolist())),
]  # fmt: skip
NAMES = [
    named("a typing error in a name", "gema-3-270m", "'gema-3-270m'",
          "did you mean 'gemma-3-270m'"),
    Case("model", "a hub name without a network", _without_network,
         ("'someone/nothing'", "network")),
    named("a path that is not there", "./models/nothing", "'./models/nothing'", "no such folder"),
    named("a path with too many parts", "a/b/c", "'a/b/c'", "no such folder"),
    named("an empty name", "", "''", "gemma-3-270m"),
    named("None for a model", None, "None", "gemma-3-270m"),
    named("a number for a model", 3, "3", "gemma-3-270m"),
    named("a list of models", ["gemma-3-270m"], "['gemma-3-270m']", "one"),
    Case("model", "a file for a model", lambda at: load_model(tiny() / WEIGHTS),
         ("model.safetensors", "folder")),
    Case("model", "a folder named like a packaged model",
         lambda at: load_model(shutil.copytree(tiny(), at / "gemma-3-270m")),
         ("gemma-3-270m", "rename")),
]  # fmt: skip
OPTIONS = [
    ("dtype: one that there is not", {"dtype": "int8"}, ("dtype 'int8'", "'bfloat16'")),
    ("dtype: a number", {"dtype": 32}, ("dtype 32", "'bfloat16'")),
    ("dtype: a list", {"dtype": ["float32"]}, ("dtype ['float32']", "'bfloat16'")),
    ("dtype: double", {"dtype": "float64"}, ("dtype 'float64'", "'float32'")),
    ("device: a GPU where there is none", {"device": "cuda"}, ("device 'cuda'", "'cpu'")),
    ("device: a GPU by number", {"device": "cuda:7"}, ("device 'cuda:7'", "'cpu'")),
    ("device: one that there is not", {"device": "gpu"}, ("device 'gpu'", "'cpu'")),
    ("device: a number", {"device": 0}, ("device 0", "'cpu'")),
    ("dtype: numpy.str_", {"dtype": np.str_("float32")}, ()),
    ("device: numpy.str_", {"device": np.str_("cpu")}, ()),
]  # fmt: skip

CASES = [*FOLDERS, *NAMES, *(
    Case("model", what, (lambda o: lambda _: load_model(tiny(), **o))(options) if told
         else _same(options), told)
    for what, options, told in OPTIONS
)]  # fmt: skip
