"""The explorer as one page of HTML, on numbers computed before: for where no kernel runs."""

import base64
import gzip
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..keep.digest import written_whole
from ..neighbors import KINDS
from ..plots.explorer import KIND_COLORS
from ..plots.style import BAND_COLORS, FAMILY_COLORS, MODEL_COLORS, alternating, colors_of
from ..regions.length import token_counts
from ..study import Study
from .charts import CURSOR
from .moving import moving_maps
from .state import Explorer
from .views import BRIDGE_COLORS, HUES

#: What the page's sliders offer, where the corpus has as many neighbours and languages.
K, TAU = range(1, 11), range(1, 6)
#: Colours of everything but the points.
LOOKS = {
    "curves": dict(zip(("bridge", "reach", "P@1"), MODEL_COLORS, strict=False)),
    "bridge": BRIDGE_COLORS, "kinds": {kind: KIND_COLORS[kind] for kind in KINDS}, "cursor": CURSOR,
}  # fmt: skip
#: Coordinates of the map, from −1 to 1, are stored as whole numbers up to this one.
SCALE = 1000


def write_page(study: Study, path: Path) -> Path:
    """Write the explorer of a study as one page of HTML that needs no kernel.

    The page looks for ``plotly.min.js`` in its own folder; :func:`bundle_page` puts it there.

    Parameters
    ----------
    study : Study
        Its k, tau and peak are where the sliders begin.
    path : pathlib.Path
        Replaced if it is there, unless nothing differs but points of the map by one step of
        :data:`SCALE`, which rounding moves.

    Returns
    -------
    pathlib.Path
        ``path``.

    Raises
    ------
    ValueError
        For a corpus whose sentences must not be passed on, since the page holds them all.
    """
    text = study.text.attrs
    if "re-hosted" in text.get("note", ""):
        raise ValueError(
            f"no page of corpus {text['name']!r}, for it would hold every sentence: "
            f"{text['note']}; take corpus='udhr'"
        )
    here = Path(__file__)
    page = here.with_name("page.html").read_text(encoding="utf-8")
    script = here.with_name("page.js").read_text(encoding="utf-8")
    shell, numbers = page.replace("{{script}}", script), page_data(study)
    if not (path.exists() and _same_page(path.read_text(encoding="utf-8"), shell, numbers)):
        # base64 has no character that could end the script it stands in
        packed = base64.b64encode(gzip.compress(_as_json(numbers), mtime=0)).decode()
        with written_whole(path) as part:
            part.write_text(shell.replace("{{numbers}}", packed), encoding="utf-8")
    return path


def _same_page(there, shell, numbers):
    """Whether a page is of this shell and these numbers, but for one step of a point's place."""
    before, after = shell.split("{{numbers}}")
    if not (there.startswith(before) and there.endswith(after)):
        return False
    try:
        packed = there[len(before) : len(there) - len(after)]
        old = json.loads(gzip.decompress(base64.b64decode(packed)))
    except (ValueError, OSError, EOFError, zlib.error):  # damaged
        return False
    new = json.loads(_as_json(numbers))
    places = [page.pop("places") for page in (old, new)]
    return old == new and np.abs(np.subtract(*places)).max(initial=0) <= 1


def bundle_page(page: Path, folder: Path) -> Path:
    """Copy a page into a folder, with plotly's script beside it instead of from the network.

    Parameters
    ----------
    page : pathlib.Path
        As :func:`write_page` wrote it.
    folder : pathlib.Path

    Returns
    -------
    pathlib.Path
        The copy.

    Raises
    ------
    FileNotFoundError
        If the page is not there.
    """
    import plotly

    if not page.exists():
        raise FileNotFoundError(
            f"{page.parent.name} has no {page.name}; notebook 3 writes it: "
            "make reproduce NOTEBOOKS=03"
        )
    shutil.copy(Path(plotly.__file__).parent / "package_data/plotly.min.js", folder)
    return Path(shutil.copy(page, folder))


def page_data(study: Study) -> dict[str, Any]:
    """All that a page shows, as JSON can hold it.

    A point is one number, language × sentences + sentence (places in the corpus), as in stored
    neighbours.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict
        - caption; start: k, tau and layer to begin with; k, tau, layers: values of the sliders;
        - languages: name and code of each; home: place of the one that others are read in;
          sentences: ids; texts: by language and sentence;
        - curves: ``"k,tau"`` to ilo, low, high, bridge and reach, lists by layer, and chance;
          precision: P@1 by layer;
        - bridges: ``"k,tau"`` to the number of bridges, by layer and language; met: k to the
          number of other languages that a language's lists meet, by layer and language;
        - tokens: of every point, without special ones;
        - near, count: by layer, the neighbours of every point, nearest first, and how many other
          languages have been met up to each; places: by layer, x and y of every point, whole
          numbers up to scale;
        - hues: what points may be coloured by, to the group of every language and the colour of
          every group; looks: the other colours.
    """
    explorer = Explorer(study)
    ks = [k for k in K if k <= explorer.k_max()]
    taus = [tau for tau in TAU if tau < study.text.shape[1]]
    k, names = min(study.k, ks[-1]), study.languages["name"]
    return {
        "caption": str(study.caption.but(k=None, tau=None)), "k": ks, "tau": taus,
        "start": {"k": k, "tau": min(study.tau, k, taus[-1]), "layer": study.peak},
        "layers": explorer.lists.layer.values.tolist(),
        "languages": [{"code": code, "name": names[code]} for code in study.text],
        "home": list(study.text).index(study.home),
        "sentences": list(study.text.index), "texts": study.text.T.to_numpy().tolist(),
        "tokens": token_counts(study.model, study.text).values.ravel().tolist(),
        "hues": {hue: _hue(study, column) for hue, column in HUES.items() if column != "bridge"},
        "looks": LOOKS,
    } | _scores(explorer, ks, taus) | _points(explorer, ks[-1])  # fmt: skip


def _scores(explorer, ks, taus):
    """Curves of every k and τ, and what the scores of each language are made of."""
    tally, others = explorer.tally, len(explorer.languages) - 1
    sentences = explorer.lists.sizes["sentence"]
    curves, bridges = {}, {}
    for k in ks:
        for tau in taus[:k]:
            explorer.move(k=k, tau=tau)
            table, name = explorer.curves(), f"{k},{tau}"
            by_layer = table[["ilo", "low", "high", "bridge", "reach"]].round(5)
            curves[name] = by_layer.to_dict("list") | {"chance": table["chance"].iat[0]}
            bridges[name] = _whole(tally.scores(k, tau)["bridge"] * sentences)
    met = {str(k): _whole(tally.scores(k, 1)["reach"] * others) for k in ks}
    precision = table["P@1"].round(5).tolist()
    return {"curves": curves, "precision": precision, "bridges": bridges, "met": met}


def _points(explorer, k):
    """Of every point at every layer: where it lies, its neighbours and the languages they add."""
    study, setting = explorer.study, explorer.setting
    layers = explorer.lists.sizes["layer"]
    places = moving_maps(study.vectors[setting.pooling], "PCA", setting.metric)
    near, count = explorer.lists["index"].values, explorer.tally.count
    return {
        "near": near[..., :k].reshape(layers, -1).tolist(),
        "count": count[..., :k].reshape(layers, -1).tolist(),
        "places": _whole(places[["x", "y"]].to_numpy().reshape(layers, -1) * SCALE),
        "scale": SCALE,
    }


def _hue(study, column):
    """Group of every language, and the colour of every group, as in the live explorer."""
    from matplotlib.colors import to_hex

    groups = study.languages[column].tolist()
    known = {"family": FAMILY_COLORS, "resource_band": BAND_COLORS}.get(column)
    colors = colors_of(known or alternating(dict.fromkeys(groups)), groups)
    return {"groups": groups, "colors": {g: to_hex(c) for g, c in colors.items()}}


def _whole(values):
    return np.rint(values).astype(int).tolist()


def _as_json(data):
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
