"""Labelled arrays on disk: named by what decides their values, written part by part.

A store is a folder ``<name>--<hash of its attrs and labels>/`` with a zarr group, ``array.zarr``,
and a checksum file for every part (a language, a layer) that is complete. What has no checksum
file, or no longer matches it, is missing and gets written again. A part has chunk files of its
own: whoever writes it, in whatever process, touches no other's.
"""

import contextlib
import dataclasses
import itertools
import json
import shutil
import sys
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .digest import alone, file_digests, folder_written_whole, settings_digest, sync, written_whole
from .messages import say
from .paths import data_dir, on_disk, shorten
from .recipes import RECIPES


class Store:
    """One labelled array (or several of the same labels) on disk.

    Parameters
    ----------
    step : str
        What makes it, a name of :data:`RECIPES`: the number of its recipe is part of the key.
    name : str
        Readable beginning of the store's name.
    coords : dict of str to sequence
        Labels of each dimension, in order.
    variables : dict of str to str
        Name and dtype of each array; all have all dimensions.
    part : str
        The dimension along which the store is written.
    attrs : dict
        All that decides the values; str, int, float or bool. Name, labels, recipe and attrs
        make the key: two settings never share a folder.
    folder : path, optional
        Where the store lies; default ``data/<step>``.
    """

    def __init__(
        self,
        step: str,
        name: str,
        coords: dict,
        variables: dict[str, str],
        part: str,
        attrs: dict[str, Any],
        folder: str | Path | None = None,
    ):
        self.coords = {dim: np.asarray(labels) for dim, labels in coords.items()}
        self.variables, self.part = variables, part
        self.attrs = attrs | {"recipe": RECIPES[step]}
        labels = {dim: each.tolist() for dim, each in self.coords.items()}
        key = settings_digest([labels, variables, self.attrs], 12)
        self.path = (
            data_dir(step) if folder is None else Path(folder)
        ) / f"{shorten(name, 160)}--{key}"
        self._array = self.path / "array.zarr"
        self._verified: set[Any] = set()
        self._laid_out = False

    @property
    def parts(self) -> list:
        """Labels of all parts."""
        return self.coords[self.part].tolist()

    def lock(self, part: Any) -> AbstractContextManager:
        """Context in which this process alone may write a part; waits for another to finish."""
        return alone(self.path / f".{self.part}-{part}.lock", f"{self.path.name}, {part}")

    def holds(self, part: Any) -> bool:
        """Whether a part is complete.

        A part that was and no longer matches its checksums is warned of, and counts as missing;
        one that this object has verified, or written, is not read again.
        """
        if part in self._verified:
            return True
        if not self._checksums(part).exists():
            return False
        if damage := self._damage(part):
            warnings.warn(
                f"{self.path.name}: {self.part} {part}: {damage}; it will be done again",
                stacklevel=2,
            )
            self._checksums(part).unlink(missing_ok=True)
            return False
        self._verified.add(part)
        return True

    def missing(self) -> list:
        """Labels of the parts not written yet, and of those damaged, in order."""
        return [part for part in self.parts if not self.holds(part)]

    def bytes(self, parts: list) -> int:
        """Size of so many parts, in bytes."""
        cells = np.prod([len(labels) for labels in self.coords.values()])
        width = sum(np.dtype(dtype).itemsize for dtype in self.variables.values())
        return int(cells * width * len(parts) / len(self.parts))

    def create(self) -> None:
        """Lay out the empty arrays, under a temporary name until they are whole; once an object."""
        if self._laid_out:
            return
        with on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if not self._array.exists():
            with folder_written_whole(self._array) as work:
                for name, content in self._layout().items():
                    (work / name).parent.mkdir(exist_ok=True)
                    (work / name).write_bytes(content.to_bytes())
        elif not self._is_laid_out():
            say(f"{self.path.name}: laid out anew, its labels or sizes were damaged")
            for name, content in self._layout().items():
                (self._array / name).parent.mkdir(exist_ok=True)
                with written_whole(self._array / name) as part:
                    part.write_bytes(content.to_bytes())
        self._laid_out = True

    def _layout(self):
        """Files of sizes, labels and attributes, without a value: zarr's buffers by name.

        In memory: zarr writes in a thread of its own, and goes on after Ctrl-C.
        """
        import zarr

        made: dict = {}
        shape = [len(labels) for labels in self.coords.values()]
        # one file for each part and layer, whatever the other dimensions hold
        single = {self.part, "layer"}
        chunks = [1 if dim in single else len(labels) for dim, labels in self.coords.items()]
        # zarr format 2: format 3 has no settled form for strings yet
        coords = xr.Dataset(coords=self.coords, attrs=self.attrs)
        coords.to_zarr(made, mode="w", zarr_format=2, consolidated=False)
        group = zarr.open_group(made, mode="r+")
        for name, dtype in self.variables.items():
            array = group.create_array(
                name, shape=shape, chunks=chunks, dtype=dtype, compressors=None, fill_value=0
            )
            array.attrs["_ARRAY_DIMENSIONS"] = list(self.coords)
        return made

    def _is_laid_out(self):
        """Whether labels, sizes and types are as :meth:`_layout` makes them.

        Chunks may be others: a store of older code can be read, and :meth:`write` refuses it.
        """
        import zarr

        new = zarr.open_group(layout := self._layout(), mode="r")

        def whole(packed):  # Blosc reads on past the end of what was cut short: its header tells
            return int.from_bytes(packed[12:16], "little") == len(packed)

        with contextlib.suppress(Exception):  # what zarr raises depends on what was damaged
            if any(
                whole(made.to_bytes()) and not whole((self._array / name).read_bytes())
                for name, made in layout.items()
            ):
                return False  # fmt: skip
            old = zarr.open_group(self._array, mode="r")
            there = self._read()
            return all(np.array_equal(there[dim], each) for dim, each in self.coords.items()) and (
                all(dataclasses.replace(old[name].metadata, chunks=new[name].chunks)
                    == new[name].metadata for name in (*self.variables, *self.coords))
            )  # fmt: skip
        return False

    def write(self, part: Any, **arrays: np.ndarray) -> None:
        """Write one part: an array a variable, its dimensions those of the store but ``part``.

        Raises
        ------
        RuntimeError
            If the store was laid out so that a part has no chunk of its own: two processes that
            write different parts would each put back what the other had not written yet.
        DiskError
            If the disk is full or cannot be written.
        """
        with on_disk(self.path):
            self._write_values(part, arrays)
            self._write_checksums(part)
        self._verified.add(part)

    def _write_values(self, part, arrays):
        import zarr

        axis, place = list(self.coords).index(self.part), self.parts.index(part)
        for left in self._array.glob("*/*.partial"):  # zarr's, '0.3.0.<hexadecimal>.partial'
            if left.name.split(".")[axis] == str(place):  # of this part: its writer was killed
                left.unlink()
        # a chunk of zeros would not be written, and then be missed
        with zarr.config.set({"array.write_empty_chunks": True}):
            group = zarr.open_group(self._array, mode="r+")
            into = {name: group[name] for name in arrays}
        where = (slice(None),) * axis + (place,)
        for name, values in arrays.items():
            if (shared := into[name].chunks[axis]) > 1:
                raise RuntimeError(
                    f"{self._array}/{name}: {shared} {self.part}s share a chunk, so that two "
                    "processes would lose each other's; delete the folder"
                )
            into[name][where] = values

    def _write_checksums(self, part):
        files = {name: self._array / name for name in self._names(part)}
        folders = {file.parent for file in files.values()}
        sync(*files.values(), *folders)  # the disk has them before it is said so
        sums = dict(zip(files, file_digests(files.values()), strict=True))
        torch = sys.modules.get("torch")  # the last bits depend on its threads
        made = {"threads": torch.get_num_threads()} if torch else {}
        with written_whole(self._checksums(part)) as file:
            file.write_text(json.dumps(made | sums, indent=0), encoding="utf-8")

    def open(self) -> xr.Dataset:
        """The whole store, read lazily (``xarray.Dataset``).

        Raises
        ------
        RuntimeError
            If parts are missing.
        """
        missing = self.missing()
        if missing:
            raise RuntimeError(f"{self.path.name} is not complete: missing {self.part} {missing}")
        self.create()
        return self._read()

    def _read(self):
        # unmasked: xarray would take zarr's fill value, 0, for a missing value and give NaN
        return xr.open_zarr(self._array, consolidated=False, chunks=None, mask_and_scale=False)

    def _checksums(self, part):
        return self.path / f"{self.part}-{part}.json"

    def _names(self, part):
        """Names of a part's chunk files: 'activations/0.3.0.0' has the language of place 3."""
        places = {dim: range(len(labels)) if dim == "layer" else [0]
                  for dim, labels in self.coords.items()}  # fmt: skip
        places[self.part] = [self.parts.index(part)]
        chunks = sorted(".".join(map(str, each)) for each in itertools.product(*places.values()))
        return [f"{name}/{chunk}" for name in self.variables for chunk in chunks]

    def _damage(self, part):
        """What is wrong with a part that was complete, or None."""
        try:
            sums = json.loads(self._checksums(part).read_text(encoding="utf-8"))
            sums.pop("threads", None)  # told to who asks why last bits differ; not checked
        except (ValueError, AttributeError, TypeError):  # no JSON, or no table of files
            return "its checksum file cannot be read"
        files = [self._array / name for name in sums]
        if gone := [name for name, path in zip(sums, files, strict=True) if not path.exists()]:
            return f"{gone[0]} is gone"
        for name, found in zip(sums, file_digests(files), strict=True):
            if found != sums[name]:
                return f"{name} was changed or cut short"
        # one that lists less would let zeros pass for values, another part's anything
        if set(sums) != set(self._names(part)):
            return "its checksum file lists other files"
        return None


def check_disk(wanted: list[tuple[Store, list]], more: int = 0) -> None:
    """Raise OSError unless the disk has room for parts to be written, and a twentieth more.

    Parameters
    ----------
    wanted : list of (Store, list)
        Stores in one folder, and the parts each is to get.
    more : int
        Bytes that are written beside them.
    """
    folder = wanted[0][0].path.parent
    folder.mkdir(parents=True, exist_ok=True)
    need, free = more + sum(s.bytes(p) for s, p in wanted), shutil.disk_usage(folder).free
    if need * 1.05 > free:
        raise OSError(
            f"{wanted[0][0].path.name} needs {need / 1e9:.2f} GB, {folder} has "
            f"{free / 1e9:.2f} GB free: make room, take fewer languages or sentences, "
            "or set ILO_DATA to a folder on a larger disk"
        )


def what_decides(acts: xr.DataArray) -> list:
    """What tells labelled vectors from others, as JSON can hold it: attributes and labels."""
    return [{name: str(value) for name, value in acts.attrs.items()},
            acts.language.values.tolist(), acts.sentence.values.tolist()]  # fmt: skip
