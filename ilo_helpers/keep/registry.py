"""Things that users add to: corpora, packaged models, poolings, alignment metrics, tasks."""

from collections.abc import Callable
from typing import Any


class Registry(dict):
    """Entries by name, of one kind.

    Parameters
    ----------
    kind : str
        What an entry is called in messages, such as ``"pooling"``.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def add(self, name: str, **details: Any) -> Callable:
        """Decorator that enters a function under a name; ``details`` become its attributes.

        A name that is there already is replaced: a cell of a notebook may run twice.
        """

        def enter(function):
            vars(function).update(details)
            self[name] = function
            return function

        return enter

    def __missing__(self, name):
        raise ValueError(f"{self.kind} {name!r}: choose from {', '.join(map(repr, self))}")
