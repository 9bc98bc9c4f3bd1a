"""Which version of our code made a stored result.

Every store's key holds the recipe number of the step that made it. A change of the code that
moves results gets a new number, so nothing made by the old code is ever read again; of one that
does not, ``tests/recipes.csv`` keeps a line that says so. A test holds the two to it.
"""

import ast
import inspect
from collections.abc import Callable

from .digest import digest
from .paths import PACKAGE

#: Number of each step's recipe; raise it where a change of the code changes results.
RECIPES = {
    "activations": 1, "neighbors": 1, "finetuned": 2, "answers": 1, "losses": 1, "explorer": 1,
    "alignment": 1, "probes": 1,
}  # fmt: skip
#: The code that reads weights and runs texts through a model.
_MODELS = ["arithmetic.py", "sources/checkpoints.py", "models.py", "pooling.py"]
#: The code behind each step, files of the package.
CODE = {
    "activations": [*_MODELS, "activations.py"],
    "neighbors": [
        "arithmetic.py",
        "keep/labelled.py",
        "_search/memory.py",
        "_search/products.py",
        "_search/kernels.py",
        "_search/gpu.py",
        "_search/knn.py",
        "_search/parts.py",
        "neighbors.py",
    ],
    "finetuned": [
        *_MODELS,
        "training/objectives.py",
        "training/freezing.py",
        "training/finetuning.py",
    ],
    "answers": [*_MODELS, "training/objectives.py", "training/evaluation.py"],
    "losses": [*_MODELS, "training/objectives.py", "training/evaluation.py"],
    "explorer": [
        "regions/offsets.py",
        "regions/maps.py",
        "validity/alignment.py",
        "validity/clouds.py",
        "explorer/moving.py",
        "explorer/state.py",
    ],
    "alignment": [
        "keep/labelled.py",
        "validity/cka.py",
        "validity/clouds.py",
        "validity/alignment.py",
    ],
    "probes": ["validity/probes.py"],
}


def code_digest(step: str) -> str:
    """Hash of the code behind a step, of its syntax tree without docstrings: 16 digits.

    Neither layout nor comments nor the version of Python change it.
    """
    trees = (ast.parse((PACKAGE / file).read_text(encoding="utf-8")) for file in CODE[step])
    return digest(*(repr(_shape(tree)) for tree in trees))


def foreign_code(function: Callable) -> dict[str, str]:
    """What a store's key must hold of a function that a user registered.

    Returns
    -------
    dict of str
        ``{"code": hash of its source}``; empty for the package's own, which the recipe covers.
    """
    if function.__module__.startswith(__name__.split(".")[0] + "."):
        return {}
    return {"code": digest(inspect.getsource(function))}


def _shape(node):
    """A syntax tree as nested tuples; what is empty is left out, as versions differ in it."""
    if isinstance(node, list):
        return tuple(map(_shape, node))
    if not isinstance(node, ast.AST):
        return node
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
        node.body = node.body[1:]
    fields = ((name, _shape(value)) for name, value in ast.iter_fields(node))
    return type(node).__name__, tuple((name, shape) for name, shape in fields if shape)
