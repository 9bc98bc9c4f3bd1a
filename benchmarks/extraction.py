"""Tokens a second: batched extraction against the published way, and what bfloat16 gives.

    python benchmarks/extraction.py [--flores PATH]

All in one run, so that the ratios hold on a noisy machine.
"""

import argparse
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from ilo_helpers import load_corpus, load_model
from ilo_helpers.activations import BATCH_TOKENS
from ilo_helpers.arithmetic import fast_matmul
from ilo_helpers.keep.paths import data_dir
from ilo_helpers.models import find_blocks
from ilo_helpers.pooling import length_batches, pool_sentences, tokenize

#: What torch's operations do here, by a part of their names; what is in none: the rest.
KINDS = {
    "linear maps": "::mm",
    "attention": "scaled_dot_product",
    "the MLP's gelu": "gelu",
    "pooling": "::bmm",
}


def one_at_a_time(model, sentences, precision):
    """The published way: one sentence, all hidden states, the mean of each."""
    vectors = []
    with torch.inference_mode(), fast_matmul(precision):
        for ids, _ in sentences:
            out = model(torch.tensor([ids]), output_hidden_states=True, use_cache=False)
            vectors.append(torch.stack([state[0].float().mean(0) for state in out.hidden_states]))
    return torch.stack(vectors, dim=1).numpy()


def error(a, b):
    """Relative difference, the greatest of all layers."""
    axes = (1, 2)
    return float((np.sqrt(((a - b) ** 2).sum(axes)) / np.sqrt((b**2).sum(axes))).max())


def products_alone(lm, tokens):
    """Tokens a second if the blocks' linear maps were all there is, each for a whole batch."""
    modules = find_blocks(lm.model, lm.layers).modules()
    weights = [each.weight for each in modules if isinstance(each, torch.nn.Linear)]
    inputs = {weight.shape[1]: torch.randn(tokens, weight.shape[1]) for weight in weights}
    seconds = []
    with torch.inference_mode(), fast_matmul(lm.attrs["matmul"]):
        for _ in range(10):
            start = time.perf_counter()
            for weight in weights:
                torch.nn.functional.linear(inputs[weight.shape[1]], weight)
            seconds.append(time.perf_counter() - start)
    return tokens / np.median(seconds)


def shares_of_time(lm, sentences, size):
    """Share of the time that each kind of operation takes in our extraction."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as made:
        pool_sentences(lm, sentences, ["mean"], size)
    seconds = {each.key: each.self_cpu_time_total for each in made.key_averages()}
    total = sum(seconds.values())
    shares = {
        kind: sum(time for name, time in seconds.items() if part in name) / total
        for kind, part in KINDS.items()
    }
    return shares | {"norms, sums, positions and the rest": 1 - sum(shares.values())}


def padding(sentences, size):
    """Share of the tokens of all batches that are padding."""
    lengths = [len(ids) for ids, _ in sentences]
    padded = sum(len(batch) * lengths[batch[0]] for batch in length_batches(lengths, size))
    return 1 - sum(lengths) / padded


def measure(name, corpus, languages):
    """Print tokens a second of each way over some languages of a corpus."""
    lm, half = load_model("gemma-3-270m"), load_model("gemma-3-270m", dtype="bfloat16")
    causal = AutoModelForCausalLM.from_pretrained(
        data_dir("models") / "gemma-3-270m", dtype=torch.float32
    ).eval()
    sentences = [pair for code in languages for pair in tokenize(lm, corpus[code])]
    tokens = sum(len(ids) for ids, _ in sentences)
    step = max(1, len(sentences) // 40)
    few = sentences[::step]  # bfloat16 is slow without hardware for it
    size, matmul = BATCH_TOKENS["cpu"], lm.attrs["matmul"]
    ways = {
        "one at a time, with LM head (the published way)": (
            lambda: one_at_a_time(causal, sentences, "float32"), tokens),
        "one at a time, body only": (
            lambda: one_at_a_time(lm.model, sentences, "float32"), tokens),
        "one at a time, body only, our products": (
            lambda: one_at_a_time(lm.model, sentences, matmul), tokens),
        f"batches of {size} tokens (ours)": (
            lambda: pool_sentences(lm, sentences, ["mean"], size)[0], tokens),
        f"batches of {4 * size} tokens": (
            lambda: pool_sentences(lm, sentences, ["mean"], 4 * size)[0], tokens),
        f"batches of {size} tokens, bfloat16 weights": (
            lambda: pool_sentences(half, few, ["mean"], size)[0],
            sum(len(ids) for ids, _ in few)),
    }  # fmt: skip
    threads = torch.get_num_threads()
    print(f"\n{name}: {len(sentences)} sentences, {tokens} tokens, {threads} threads, {matmul}\n")
    print("| way | tokens/s | ratio | error |\n|---|---|---|---|")
    _ = lm.model(torch.ones(1, 8, dtype=int)), half.model(torch.ones(1, 8, dtype=int))
    base = reference = None
    before = products_alone(lm, size)
    for way, (run, count) in ways.items():
        start = time.perf_counter()
        vectors = run()
        speed = count / (time.perf_counter() - start)
        base = base or speed
        reference = vectors if reference is None else reference
        against = reference if len(vectors[0]) == len(sentences) else reference[:, ::step]
        print(
            f"| {way} | {speed:.0f} | {speed / base:.2f} | {error(vectors, against):.1e} |",
            flush=True,
        )
        if way.endswith("(ours)"):
            ours = speed
    # before and after, for machines change their speed
    limit = (before + products_alone(lm, size)) / 2
    print(f"\nThe products alone: {limit:.0f} tokens/s; ours {ours / limit:.0%} of that.")
    print(f"Padding: {padding(sentences, size):.0%} of the tokens computed. Of the time:")
    for kind, share in shares_of_time(lm, sentences, size).items():
        print(f"- {kind}: {share:.0%}")


def main():
    """UDHR, then 300 sentences of FLORES, in six languages."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--flores", help="folder in FLORES' official layout, with devtest")
    options = parser.parse_args()
    languages = ["eng_Latn", "rus_Cyrl", "ind_Latn", "tha_Thai", "tel_Telu", "zho_Hans"]
    measure("UDHR", load_corpus("udhr"), languages)
    if options.flores:
        flores = load_corpus(options.flores, languages=languages, sentences=50, split="devtest")
        measure("FLORES-200 devtest, 50 sentences in 6 languages", flores, languages)


if __name__ == "__main__":
    main()
