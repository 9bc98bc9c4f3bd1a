"""What a GPU gives: the same vectors and neighbours, tokens a second, a model of 8B's shape.

    python benchmarks/gpu.py [equal] [search] [large] [workers] [--text FOLDER] [--device cuda]

``equal``: Gemma 3 270M on the GPU against the CPU. ``search``: neighbours of up to 205,820 × 4096.
``large``: random weights in the blocks of Llama-3.1-8B (16 GB in ``data/models``) on a text of your
own, from reading them to neighbours and a few steps of LoRA. ``workers``: the same vectors from a
worker of dask-cuda. Each prints its table as it comes.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from neighbors import CHECKED, K, vectors

from ilo_helpers import extract_activations, ilo_scores, load_corpus, load_model, nearest_neighbors
from ilo_helpers._search.knn import knn
from ilo_helpers.keep.paths import data_dir
from ilo_helpers.pooling import pool_sentences, tokenize
from ilo_helpers.training.finetuning import fine_tune

LANGUAGES = ["eng_Latn", "rus_Cyrl", "ind_Latn", "tha_Thai", "tel_Telu", "zho_Hans"]
#: Padded tokens of a batch that are tried, three times each: a GPU is slow at first.
BATCHES = (2**11, 2**12, 2**13, 2**14, 2**15, 2**16) * 3
#: Blocks of Llama-3.1-8B. The table of tokens is another's, and tied.
LLAMA = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192,
    "rope_theta": 500000.0, "tie_word_embeddings": True,
}  # fmt: skip
SIZES = [(31_372, 640), (31_372, 4096), (205_820, 640), (205_820, 4096)]


def timed(what, function, *args, **kwargs):
    """Result of a call and its seconds, printed with the most memory that it took of the GPU."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    result = function(*args, **kwargs)
    torch.cuda.synchronize()
    seconds, peak = time.perf_counter() - start, torch.cuda.max_memory_allocated() / 2**30
    print(f"| {what} | {seconds:.2f} s | {peak:.1f} GiB |", flush=True)
    return result, seconds


def off(a, b):
    """Relative difference of two arrays by layer, the greatest."""
    a, b = (np.asarray(each, np.float64).reshape(len(each), -1) for each in (a, b))
    return (np.linalg.norm(a - b, axis=1) / np.linalg.norm(b, axis=1)).max()


def tokens_a_second(lm, text):
    """Print tokens a second in batches of several sizes."""
    pairs = [pair for code in text for pair in tokenize(lm, text[code])]
    total = sum(len(ids) for ids, _ in pairs)
    for size in BATCHES:
        what = f"{total:,} tokens, batches of {size}"
        _, seconds = timed(what, pool_sentences, lm, pairs, ["mean"], size)
        print(f"| | {total / seconds:,.0f} a second | |", flush=True)


def equal(device, _text):
    """Vectors, neighbours and scores of Gemma 3 270M on a device, against those of the CPU."""
    text = load_corpus("udhr", languages=LANGUAGES)
    found = {}
    for name, dtype in [("cpu", "float32"), (device, "float32"), (device, "bfloat16")]:
        lm = load_model("gemma-3-270m", dtype=dtype, device=name)
        lm.model, lm.tokenizer  # noqa: B018 -- loaded before the clock starts
        what = f"{name} {dtype}"
        acts, _ = timed(f"vectors, {what}", extract_activations, lm, text)
        lists, _ = timed(f"neighbours, {what}", nearest_neighbors, acts, 10, device=name)
        found[what] = acts.values, lists["index"].values[..., :5], ilo_scores(lists, 5, 3)["ilo"]
        if name != "cpu":
            tokens_a_second(lm, text)
    acts, lists, scores = found.pop("cpu float32")
    for what, (others, theirs, them) in found.items():
        rows, apart = (lists != theirs).any(-1).mean(), np.abs(scores - them).max()
        print(f"{what} against cpu float32: vectors {off(others, acts):.1e}, rows of another "
              f"list {rows:.2%}, ILO up to {apart:.4f}", flush=True)  # fmt: skip


def brute_force(points, rows, device):
    """Neighbours of some rows by the differences of all pairs in float64, ties by index."""
    exact = torch.from_numpy(points).to(device).double()
    exact /= exact.square().sum(1, keepdim=True).sqrt()
    squared = torch.stack([(exact - exact[row]).square().sum(1) for row in rows]).cpu().numpy()
    squared[np.arange(len(rows)), rows] = np.inf
    return np.argsort(squared, axis=1, kind="stable")[:, :K]


def search(device, _text):
    """Exact neighbours, k = 10, on the CPU first where that takes a minute at most."""
    knn(vectors(2500, 64), K, device=device)  # libraries loaded, loops compiled
    for rows, hidden in SIZES:
        points, found = vectors(rows, hidden), {}
        for name in ("cpu", device) if rows * hidden < 2**28 else (device,):
            what = f"{rows:,} × {hidden}, {name}"
            (found[name], _), _ = timed(what, knn, points, K, device=name)
        some = np.random.default_rng(1).choice(rows, CHECKED, replace=False)
        wrong = (found[device][some] != brute_force(points, some, device)).any(1).sum()
        told = f"unlike float64: {wrong} of {CHECKED} rows"
        if "cpu" in found:
            told += f"; unlike the CPU's: {(found['cpu'] != found[device]).any(1).sum()} of all"
        print(f"| {told} | | |", flush=True)


def random_llama(device):
    """Folder of a model with the blocks of Llama-3.1-8B and random weights, made once."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = data_dir("models") / "random-8b"
    if not folder.exists():
        tokenizer = load_model("gemma-3-270m").tokenizer
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=len(tokenizer), **LLAMA)
        with torch.device(device):
            network = LlamaForCausalLM._from_config(config, dtype=torch.bfloat16)
        print(f"{sum(each.numel() for each in network.parameters()):,} parameters", flush=True)
        timed("weights to disk", network.save_pretrained, folder, max_shard_size="4GB")
        tokenizer.save_pretrained(folder)
    return folder


def large(device, text):
    """A model of 8B's shape from its files to neighbours, and a few steps of LoRA."""
    text = load_corpus(text or "udhr")
    folder = random_llama(device)
    lm, _ = timed("hash of the weights", load_model, folder, dtype="bfloat16", device=device)
    timed("weights to the GPU", lambda: lm.model)
    tokens_a_second(lm, text[[text.columns[0]]])
    acts, seconds = timed("vectors of all languages, to disk", extract_activations, lm, text)
    total = sum(len(ids) for code in text for ids, _ in tokenize(lm, text[code]))
    print(f"| {total:,} tokens | {total / seconds:,.0f} a second | |", flush=True)
    timed("neighbours of four layers", nearest_neighbors, acts[:4], 10, device=device)
    del lm.model  # the training reads its own
    torch.cuda.empty_cache()
    items = [{"id": str(i), "split": "train" if i < 64 else "dev", "language": "eng_Latn",
              "label": "ab"[i % 2], "text": f"This is number {i}, which one counts. " * 6}
             for i in range(80)]  # fmt: skip
    task = pd.DataFrame(items)
    task.attrs["name"] = "made"
    words, what = {"cue": "Answer", "a": "yes", "b": "no"}, "LoRA, 4 steps and saved"
    made, _ = timed(what, fine_tune, lm, task, freeze="lora", epochs=1, words=words)
    shutil.rmtree(made)


def workers(device, _text):
    """Vectors and neighbours from a worker of dask-cuda, and from this process."""
    from dask_cuda import LocalCUDACluster
    from distributed import Client

    text = load_corpus("udhr", languages=LANGUAGES)
    lm = load_model("gemma-3-270m", device=device)
    torch.set_num_threads(1)
    here, there = (data_dir("activations") / name for name in ("gpu-here", "gpu-worker"))
    for folder in (here, there):
        shutil.rmtree(folder, ignore_errors=True)
    lm.model  # noqa: B018 -- loaded before the clock starts
    timed("vectors, this process", extract_activations, lm, text, store=here)
    with LocalCUDACluster(resources={"GPU": 1}, threads_per_worker=1) as cluster, Client(cluster):
        acts, _ = timed("vectors, a worker", extract_activations, lm, text, store=there)
        timed("neighbours, a worker", nearest_neighbors, acts, 10, device=device)
    sums = [{path.name: json.loads(path.read_text()) for path in folder.rglob("language-*.json")}
            for folder in (here, there)]  # fmt: skip
    same = sum(sums[0][name] == sums[1].get(name) for name in sums[0])
    print(f"{same} of {len(sums[0])} languages alike to the last bit", flush=True)


if __name__ == "__main__":
    parts = {each.__name__: each for each in (equal, search, large, workers)}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*parts, []], help="default: all")
    parser.add_argument("--text", type=Path, help="a corpus for `large`; default udhr")
    parser.add_argument("--device", default="cuda")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("no GPU is to be seen here")
    print(torch.cuda.get_device_name(chosen.device), "torch", torch.__version__, flush=True)
    for name in chosen.parts or parts:
        print(f"\n## {name}", flush=True)
        parts[name](chosen.device, chosen.text)
