"""Do multilingual language models represent the same meaning in the same place?

Four steps, each a file on disk that the next one reads::

    corpus = load_corpus("udhr")                 # corpora
    acts = extract_activations("gemma-3-270m", corpus)   # models, activations
    nbrs = nearest_neighbors(acts, k=10)         # neighbors
    scores = ilo_scores(nbrs, k=5, tau=3)        # ilo

``pooling`` says how tokens become one vector, ``arithmetic`` and ``memory`` what a machine can do,
``_search`` how lists are searched. ``study`` opens all four steps at once for a notebook;
``reproduce`` runs the notebooks. Each further theme has a room:

================ ============================================================= ===========
keep/            what lies on disk and who makes it: stores, figures, recipes  all
sources/         where texts, models and names come from                       1, 2, 10
regions/         shared and fragmented: fragments, offsets, maps, hubs         3, 4, 10
training/        tasks, fine-tuning, answers, many runs                        5
vocabulary/      token embeddings                                              6
validity/        intervals, chance, rival measures, probes, verdicts on claims 7, 8, 10, 11
interventions/   the lens, patching, directions taken out while a model runs   9
plots/           figures from tables, in one style                             all
explorer/        all knobs at once: its state, its views, its page in the book 3
================ ============================================================= ===========

(Last column: the notebook.) Imports run one way: ``keep``, ``languages`` and ``sources``, the four
steps, the rooms, ``plots``, ``explorer``. Importing the package is cheap: torch and transformers
are loaded by the first function that needs them.
"""

import importlib

_HOME = {
    "load_corpus": "corpora",
    "language_table": "languages",
    "load_model": "models",
    "extract_activations": "activations",
    "nearest_neighbors": "neighbors",
    "ilo_scores": "ilo",
    "open_study": "study",
    "save_figure": "keep.figures",
    "save_table": "keep.figures",
    "load_table": "keep.figures",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
