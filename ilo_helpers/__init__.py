"""Do multilingual language models represent the same meaning in the same place?

Four steps, each a file on disk that the next one reads::

    corpus = load_corpus("udhr")
    acts = extract_activations("gemma-3-270m", corpus)
    nbrs = nearest_neighbors(acts, k=10)
    scores = ilo_scores(nbrs, k=5, tau=3)

Importing the package is cheap: torch and transformers are loaded by the first function
that needs them.
"""

import importlib

_HOME = {
    "load_corpus": "corpora",
    "language_table": "languages",
    "load_model": "models",
    "extract_activations": "activations",
    "nearest_neighbors": "neighbors",
    "ilo_scores": "ilo",
    "sweep": "ilo",
    "save_figure": "figures",
    "save_table": "figures",
    "load_table": "figures",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
