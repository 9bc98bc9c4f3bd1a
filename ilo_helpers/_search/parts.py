"""Searches as they are handed out: a layer, or one language's rows of a layer that is large."""

import contextlib
import functools
import shutil
import tempfile

import numpy as np

from ..keep.cluster import current_client, worker_count
from ..keep.digest import alone, written_whole
from ..keep.fill import fill
from ..keep.paths import data_dir, on_disk
from ..keep.stores import Store, check_disk
from .knn import RowError, knn
from .memory import memory_bytes

#: Rows from which on all workers search one layer, where there are more than two of them a layer.
LARGE = 50_000


def fill_layers(store, acts, k, metric, device, memory):
    """Search the layers that a store lacks, here or by the workers of a Dask client."""
    missing, how = store.missing(), (k, metric, device, memory)
    check_disk([(store, missing)])
    rows = acts.sizes["language"] * acts.sizes["sentence"]
    # vectors in memory would be sent with every language, those of a store are read by the worker
    client = current_client() if rows >= LARGE and not acts.variable._in_memory else None
    if client is not None and worker_count(client) > 2 * len(missing) > 0:
        _fill_by_rows(store, acts, how)
        return
    jobs = {layer: acts.sel(layer=[layer]) for layer in missing}
    make = functools.partial(_lists, *how)
    fill([store], jobs, make, f"neighbours, {metric}, layer", "layer")


def _fill_by_rows(store, acts, how):
    """Search layers a language at a time, and put each of them together.

    In one piece the product of two rows serves both, so this costs twice as much, and pays where
    most workers would have nothing to do. All of them map one file with the layer's vectors.
    """
    store.create()
    kind = f"rows-of-{store.path.name[-12:]}"
    # of two clients one at a time; the layers' own locks are for the workers
    with alone(store.path / ".rows.lock", store.path.name):
        jobs, missing, errors = {}, store.missing(), []
        size = acts[0].size * np.result_type(acts.dtype, np.float32).itemsize
        check_disk([(store, missing)] * 2, size)  # the rows, and the layers that are put together
        for layer in missing:
            coords = store.coords | {"layer": [layer]}
            rows = Store("neighbors", kind, coords, store.variables, "language", store.attrs)
            vectors, languages = acts.sel(layer=layer), {c: i for i, c in enumerate(rows.parts)}
            # a name of the layer's own: what waits on a worker since an earlier call reads no other
            file = store.path / f".vectors-{layer}"
            if rows.missing() and not file.exists():
                with written_whole(file) as part, part.open("wb") as written:
                    _write_points(vectors, written)
            make = functools.partial(_rows, vectors, file, *how)
            try:
                fill([rows], languages, make, f"neighbours, layer {layer}, language", "language")
                jobs[layer] = rows
            except ValueError as error:  # a bad row; the other layers are made
                errors.append(error)
            for left in (file, *store.path.glob(f".{file.name}-*")):  # half written, by one killed
                left.unlink(missing_ok=True)
        fill([store], jobs, _put_together, "neighbours, layer", "layer")
        if errors:
            raise errors[0]
        for left in store.path.parent.glob(f"{kind}--*"):
            shutil.rmtree(left, ignore_errors=True)


def _lists(k, metric, device, memory, acts, _progress):
    """What the store gets of one layer."""
    return [search_layer(acts[0], k, metric, device, memory)]


def _rows(vectors, file, k, metric, device, memory, language, _progress):
    """What the store of rows gets of one language, from a file of all of the layer's vectors."""
    sentences = vectors.sizes["sentence"]
    rows = language * sentences + np.arange(sentences)
    found = search_points(vectors, _mapped(vectors, file), rows, k, metric, device, memory)
    return [{name: array[None, 0] for name, array in found.items()}]


def _put_together(rows, _progress):
    """What the store gets of a layer whose rows are all there."""
    found = rows.open()
    return [{name: found[name].values[0] for name in rows.variables}]


def search_layer(vectors, k, metric, device, memory):
    """Neighbours in one layer: index and distance, (language, sentence, neighbor)."""
    with _within(vectors, memory_bytes(memory)) as (points, left):
        return search_points(vectors, points, None, k, metric, device, left)


def search_points(vectors, points, rows, k, metric, device, memory):
    """Neighbours of all or some rows of a layer's points, as :func:`search_layer` gives them."""
    sentences = vectors.sizes["sentence"]
    try:
        index, distance = knn(points, k, metric, device, rows, memory=memory)
    except RowError as error:
        language, sentence = divmod(error.row, sentences)
        raise ValueError(
            f"layer {vectors.layer.item()}, language {vectors.language.values[language]}, "
            f"sentence {vectors.sentence.values[sentence]}: {error}"
        ) from None
    shape = (-1, sentences, k)
    return {"index": index.reshape(shape), "distance": distance.reshape(shape)}


@contextlib.contextmanager
def _within(vectors, memory):
    """Context of a layer's points, (rows, hidden), and of the bytes that are left to search them.

    Vectors in memory are the caller's, and do not count. Those of a store do; what would take
    more than a quarter of all is mapped from a file, which the system keeps in memory as far as
    there is room. The file has no name: it is gone with the process.
    """
    shape = (-1, vectors.sizes["hidden"])
    if vectors.variable._in_memory:
        yield vectors.values.reshape(shape), memory
    elif vectors.nbytes <= memory // 4:
        yield vectors.values.reshape(shape), memory - vectors.nbytes
    else:
        with (
            on_disk(data_dir("neighbors")),
            tempfile.TemporaryFile(dir=data_dir("neighbors")) as file,
        ):
            _write_points(vectors, file)
            yield _mapped(vectors, file), memory


def _write_points(vectors, file):
    """Write a layer's points, (rows, hidden), a language at a time."""
    for language in vectors:
        file.write(
            np.ascontiguousarray(language.values, np.result_type(vectors.dtype, np.float32)).data
        )
    file.flush()


def _mapped(vectors, file):
    """What :func:`_write_points` wrote."""
    return np.memmap(file, np.result_type(vectors.dtype, np.float32), "r").reshape(
        -1, vectors.sizes["hidden"]
    )
