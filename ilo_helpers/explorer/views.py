"""The explorer in a live notebook: widgets that show what :class:`Explorer` knows."""

import functools
import html
from typing import Any

from ..keep.figures import save_figure
from ..neighbors import DISTANCES
from ..plots.explorer import KIND_COLORS, explorer_figure
from ..plots.style import BAND_COLORS, FAMILY_COLORS, alternating, colors_of
from ..study import Study
from . import reading
from .bundle import bundle
from .charts import Curves, Grid
from .moving import moving_maps
from .scatter import PlainMap, WebGLMap
from .state import Explorer

#: What the map may be coloured by, and the column of the language table it is.
BRIDGES = "bridge or not"
HUES = {"family": "family", "language": "name", "script": "script", "resources": "resource_band",
        BRIDGES: "bridge"}  # fmt: skip
TABLE_LOOK = (
    "<style>.ilo-near :is(td, th) {padding: 1px 10px 1px 0; text-align: left; vertical-align: top;"
    " line-height: 1.35}</style>"
)
BRIDGE_COLORS = {"bridge": "#CC3311", "no bridge": "#BBBBBB"}


def explore(study: Study, webgl: bool = True) -> "Exploration":
    """Turn the knobs of a study: k, τ, layer, metric, BOS, and what is left out.

    Parameters
    ----------
    study : Study
    webgl : bool
        Draw the map with WebGL; False for a browser without it.

    Returns
    -------
    Exploration
        Shown by the notebook; ``.explorer`` is its state, to be read and moved from code.
    """
    return Exploration(Explorer(study), webgl)


class Exploration:
    """All views of one :class:`Explorer`.

    Parameters
    ----------
    explorer : Explorer
    webgl : bool
    """

    def __init__(self, explorer: Explorer, webgl: bool = True):
        self.explorer, self.webgl = explorer, webgl
        self._maps = functools.lru_cache(4)(self._read_maps)
        self.method, self.hue = "PCA", "family"
        self.lit: tuple[str, ...] = ()
        self.chosen: list[tuple[str, str]] = []

    def figure(self) -> Any:
        """The setting as a ``matplotlib`` figure."""
        explorer, s = self.explorer, self.explorer.setting
        curves = {"shown": explorer.curves()}
        if explorer.pinned:
            curves["A"] = explorer.curves(explorer.pinned)
        points, colors = self._points()
        told = "".join(f", {key}: {value}" for key, value in explorer.details().items())
        setting = {"layer": s.layer, "k": s.k, "tau": s.tau}
        mean = curves["shown"].at[s.layer, "ilo"]
        title = explorer.caption.title(f"Mean ILO at layer {s.layer} is {mean:.3f}{told}")
        grid = explorer.grid()[0]
        return explorer_figure(curves, grid, points, self.hue, colors, setting, title)

    def save(self) -> str:
        """Save the figure as shown, with its numbers and settings; returns the picture's name."""
        explorer = self.explorer
        name, table = reading.figure_name(explorer), explorer.scores()
        details = explorer.details() | {"layer": explorer.setting.layer}
        path = save_figure(self.figure(), name, table, explorer.caption, None, **details)
        return f"{path.parent.name}/{path.name}"

    def _repr_mimebundle_(self, **_: Any) -> dict:
        return bundle(self.widget, self.figure(), f"explorer: {self.explorer.caption}")

    # -- the live part ---------------------------------------------------------------------

    def widget(self) -> Any:
        """Build the widgets (``ipywidgets.VBox``)."""
        import ipywidgets as w

        explorer = self.explorer
        self.controls = _controls(w, explorer)
        self.status, self.near, self.code = w.HTML(), w.HTML(), w.Textarea(rows=8)
        self.near.add_class("ilo-near")
        self.code.layout = w.Layout(width="98%", display="none")  # until it is asked for
        self.curves = Curves(explorer, lambda layer: self._set("layer", layer))
        self.grid = Grid(explorer, lambda k, tau: self._apply(k=k, tau=tau))
        kind: Any = WebGLMap if self.webgl else PlainMap
        self.map = kind(*self._points(), self._choose)
        self.map.widget.add_class("ilo-map")
        for name, control in self.controls.items():
            if name in ("pin", "code", "save"):
                control.on_click(getattr(self, f"_{name}"))
            else:
                control.observe(self._turned, "value")
        self._refresh()
        c = self.controls
        play = w.Play(min=c["layer"].min, max=c["layer"].max, value=c["layer"].value, interval=900)
        w.link((play, "value"), (c["layer"], "value"))
        wrap = w.Layout(flex_flow="row wrap", width="100%")
        knobs = [
            w.VBox([c["k"], c["tau"], w.HBox([c["layer"], play]), c["sentences"]]),
            w.VBox([c["metric"], c["pooling"], c["translations"], c["offsets"]]),
            w.VBox([c["method"], c["hue"], w.HBox([c["pin"], c["code"], c["save"]])]),
            w.HBox([c["lit"], c["without"]]),
        ]
        near = w.VBox([self.near], layout=w.Layout(flex="1 1 340px", max_height="440px"))
        box = w.VBox([
            w.HBox(knobs, layout=wrap), self.code, self.status,
            w.HBox([self.curves.widget, self.grid.widget], layout=wrap),
            w.HBox([self.map.widget, near], layout=wrap),
        ])  # fmt: skip
        box.add_class("ilo-explorer")
        return box

    def _turned(self, _):
        """A control was moved: read all of them."""
        if self._quiet:
            return
        c = self.controls
        self.method, self.hue, self.lit = c["method"].value, c["hue"].value, c["lit"].value
        self._apply(
            k=c["k"].value, tau=c["tau"].value, layer=c["layer"].value, metric=c["metric"].value,
            pooling=c["pooling"].value, translations=not c["translations"].value,
            offsets=not c["offsets"].value, sentences=c["sentences"].value,
            without=c["without"].value,
        )  # fmt: skip

    def _set(self, name, value):
        self.controls[name].value = value

    def _apply(self, **changes):
        try:
            self.explorer.move(**changes)
        except ValueError as error:  # told; the knobs go back to where they were
            self._refresh()
            self.status.value = f"<b>{html.escape(str(error))}</b>"
            return
        self._refresh()

    _quiet = False
    _drawn: tuple | None = None  # what decides the map as it is

    def _refresh(self):
        """Show the setting in every view, the controls included."""
        explorer, s = self.explorer, self.explorer.setting
        self._quiet = True
        self.controls["k"].max = explorer.k_max()
        for name in ("k", "tau", "layer", "metric", "pooling", "sentences", "without"):
            self.controls[name].value = getattr(s, name)
        self.controls["translations"].value = not s.translations
        self.controls["offsets"].value = not s.offsets
        self._quiet = False
        curves = explorer.curves()
        self.curves.refresh(self.lit)
        self.grid.refresh()
        shown = s.pool, s.k, s.tau
        drawn = self.method, s.metric, s.pooling, s.layer, self.hue, self.hue == BRIDGES and shown
        if drawn != self._drawn:  # of thousands of points, only where they change
            self._drawn = drawn
            self.map.draw(*self._points())
        self._show_chosen()
        at = curves.loc[s.layer]
        self.status.value = (
            f'<div class="ilo-status">layer {s.layer}, k = {s.k}, τ = {s.tau}: mean ILO '
            f"<b>{at['ilo']:.3f}</b> ({at['low']:.3f} to {at['high']:.3f}), B {at['bridge']:.3f}, "
            f"R {at['reach']:.3f}, by chance {at['chance']:.3f}; greatest at layer "
            f"<b>{curves['ilo'].idxmax()}</b></div>"
        )

    def _read_maps(self, method, metric, pooling):
        """{layer: language, sentence, x, y, text of every point}."""
        study = self.explorer.study
        table = moving_maps(study.vectors[pooling], method, metric)
        text = study.text.unstack().rename_axis(["language", "sentence"]).rename("text")
        layers = table.join(text, on=["language", "sentence"]).groupby("layer")
        return {layer: part.reset_index(drop=True) for layer, part in layers}

    def _points(self):
        """Every point of the map at the layer, what it is coloured by, and the colours."""
        s, study = self.explorer.setting, self.explorer.study
        points = self._maps(self.method, s.metric, s.pooling)[s.layer].copy()
        cells = zip(points["language"], points["sentence"], strict=True)
        if self.hue == BRIDGES:
            bridging = self.explorer.bridging()
            told = ["bridge" if cell in bridging else "no bridge" for cell in cells]
            return points.assign(group=told), BRIDGE_COLORS
        points["group"] = points["language"].map(study.languages[HUES[self.hue]])
        values = list(dict.fromkeys(points["group"]))
        known = {"family": FAMILY_COLORS, "resources": BAND_COLORS}.get(self.hue)
        colors: dict = known or alternating(values)
        return points, colors_of(colors, values)

    def _choose(self, places):
        """Points were clicked or lassoed."""
        cells = self.map.points[["language", "sentence"]].iloc[places]
        self.chosen = list(cells.itertuples(index=False, name=None))
        self._show_chosen()

    def _show_chosen(self):
        """The list of the sentence chosen, or what a group has in common."""
        pool = {*self.explorer.lists.sentence.values.tolist()}
        inside = [(code, i) for code, i in self.chosen
                  if code in self.explorer.languages and i in pool]  # fmt: skip
        self.map.join(0, {})
        if not inside:
            self.near.value = "Click a point to see its neighbours; lasso several for a summary."
        elif len(inside) == 1:
            self.near.value = self._list(*inside[0])
        else:
            table = reading.group(self.explorer, inside).round(2)
            self.near.value = f"{len(inside)} sentences{TABLE_LOOK}{table.to_html(index=False)}"

    def _list(self, language, sentence):
        """The neighbours of one sentence, in words; lines to them on the map."""
        near = reading.neighbors_of(self.explorer, language, sentence)
        cells = list(self.map.points[["language", "sentence"]].itertuples(index=False, name=None))
        places = dict(zip(cells, range(len(cells)), strict=True))
        found = zip(zip(near["language"], near["sentence"], strict=True), near["kind"], strict=True)
        ends = {places[cell]: kind for cell, kind in found if cell in places}
        if (language, sentence) in places:  # UMAP's map has a part of the sentences
            self.map.join(places[language, sentence], ends)
        names = self.explorer.study.languages["name"]
        rows = "".join(
            f'<tr><td style="color:{KIND_COLORS[row.kind]}">{row.kind}</td>'
            f"<td>{html.escape(names[row.language])}</td><td>{row.distance:.4f}</td>"
            f"<td>{row.tokens} tokens</td>"
            f'<td dir="auto">{html.escape(row.text[:120])}</td></tr>'
            for row in near.itertuples()
        )
        text = html.escape(self.explorer.study.text.at[sentence, language])
        tokens = int(self.explorer.tokens.sel(language=language, sentence=sentence))
        return (
            f"<p><b>{html.escape(names[language])} {html.escape(sentence)}</b> "
            f"({tokens} tokens) {text}</p>"
            f"{TABLE_LOOK}<table>{rows}</table><p class='ilo-told'>"
            f"{html.escape(reading.tell(self.explorer, language, sentence))}</p>"
        )

    def _pin(self, _button):
        self.explorer.pin()
        self.controls["pin"].description = "drop A" if self.explorer.pinned else "pin as A"
        self._refresh()

    def _code(self, _button):
        self.code.value, self.code.layout.display = reading.as_code(self.explorer), None

    def _save(self, _button):
        self.status.value = f"saved: figures/{html.escape(self.save())}, .csv, .json"


def _controls(w, explorer):
    """All controls by name; those that move the state are called as its fields are."""
    s, study = explorer.setting, explorer.study
    layers, named = study.by_layer.index, study.languages["name"]
    languages = [(name, code) for code, name in named.items()]
    texts = {"mean": "all tokens in the mean", study.bare: "BOS or first token left out"}
    wide = {"layout": w.Layout(width="300px")}
    short = {"layout": w.Layout(width="105px")}
    lists = {"rows": 6, "layout": w.Layout(width="230px")}
    return {
        "k": w.IntSlider(s.k, 1, explorer.k_max(), description="k", **wide),
        "tau": w.IntSlider(s.tau, 1, min(10, len(languages) - 1), description="τ", **wide),
        "layer": w.IntSlider(s.layer, *layers[[0, -1]].tolist(), description="layer", **wide),
        "sentences": w.IntRangeSlider(value=s.sentences, min=1, max=len(study.text),
                                      description="sentences", continuous_update=False, **wide),
        "metric": w.Dropdown(options=DISTANCES, value=s.metric, description="metric", **wide),
        "pooling": w.Dropdown(
            options=[(texts.get(name, name), name) for name in study.vectors], value=s.pooling,
            description="vector", **wide),
        "translations": w.Checkbox(False, description="translations left out"),
        "offsets": w.Checkbox(False, description="language means subtracted"),
        "lit": w.SelectMultiple(options=languages, description="highlight", **lists),
        "without": w.SelectMultiple(options=languages, description="leave out", **lists),
        "method": w.Dropdown(options=["PCA", "UMAP"], description="map", **wide),
        "hue": w.Dropdown(options=list(HUES), description="colour", **wide),
        "pin": w.Button(description="pin as A", **short),
        "code": w.Button(description="as code", **short),
        "save": w.Button(description="save figure", **short),
    }  # fmt: skip
