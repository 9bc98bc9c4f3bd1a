"use strict";
// The explorer on numbers computed before. `data` is what page.py packed, `now` where the knobs
// stand, and every function that draws reads those two. Text goes to textContent; where plotly
// would read it as markup, through plain().
let data;
const now = { point: 0, hue: "family", zoom: 0 }; // zoom: how often the map was reset
const $ = (id) => document.getElementById(id);
const statusLine = document.querySelector(".ilo-status");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
// a double click would also choose a point
const QUIET = { displayModeBar: false, responsive: true, doubleClick: false };
const FONT = { family: "system-ui, sans-serif", size: 12, color: "#222" };

async function unpack() {
  const bytes = Uint8Array.from(atob($("numbers").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// what the numbers say

const curve = (k = now.k, tau = now.tau) => data.curves[`${k},${tau}`];
const at = () => data.layers.indexOf(now.layer);
const peak = (ilo) => data.layers[ilo.indexOf(Math.max(...ilo))];
const language = (point) => Math.floor(point / data.sentences.length);
const sentence = (point) => point % data.sentences.length;
const text = (point) => data.texts[language(point)][sentence(point)];
const pointOf = (l, s) => l * data.sentences.length + s;
const spoken = (point) => data.languages[language(point)].name;
const name = (point) => `${spoken(point)} ${data.sentences[sentence(point)]}`;

function neighbours(point) {
  const stored = data.k.length;
  return data.near[at()].slice(point * stored, point * stored + now.k);
}

function met(point) {
  return data.count[at()][point * data.k.length + now.k - 1];
}

function kind(point, other) {
  if (language(point) === language(other)) return "own";
  return sentence(point) === sentence(other) ? "translation" : "other";
}

// moving the knobs

function move(changes) {
  Object.assign(now, changes);
  now.tau = Math.min(now.tau, now.k); // k neighbours meet at most k languages
  for (const knob of ["k", "tau", "layer"]) {
    $(knob).value = now[knob];
    $(`${knob}-value`).textContent = now[knob];
  }
  show();
}

function show() {
  tell();
  drawCurves();
  drawGrids();
  drawMap();
  read();
}

function tell() {
  const c = curve(), i = at(), three = (x) => x.toFixed(3);
  const words =
    `layer ${now.layer}, k = ${now.k}, τ = ${now.tau}: mean ILO ${three(c.ilo[i])} ` +
    `(95% interval ${three(c.low[i])} to ${three(c.high[i])}), B ${three(c.bridge[i])}, ` +
    `R ${three(c.reach[i])}, by chance ${three(c.chance)}; greatest at layer ${peak(c.ilo)}`;
  const parts = words.split(/(?<=[,:;]) /); // each stays on one line
  statusLine.replaceChildren(...parts.flatMap((part) => [item("span", part), " "]));
}

// the charts

function drawCurves() {
  const c = curve(), x = data.layers, { bridge, reach, "P@1": precision } = data.looks.curves;
  const line = (name, y, style) => (
    { name, x, y, mode: "lines", line: { width: 2, ...style }, hovertemplate: "%{y:.3f}" });
  const band = {
    name: "ILO, 95% interval", x: [...x, ...x.toReversed()], y: [...c.low, ...c.high.toReversed()],
    mode: "lines", fill: "toself", fillcolor: "rgba(0,114,178,0.3)", line: { width: 0 },
    hoverinfo: "skip",
  };
  const chance = x.map(() => c.chance);
  const cursor = { type: "line", x0: now.layer, x1: now.layer, yref: "paper", y0: 0, y1: 1,
                   line: { color: data.looks.cursor, width: 2 } };
  Plotly.react("curves", [
    line("ILO", c.ilo, { color: "#000000", width: 3 }), band,
    line("bridge B", c.bridge, { color: bridge }), line("reach R", c.reach, { color: reach }),
    line("P@1", data.precision, { color: precision, dash: "dot" }),
    line("ILO by chance", chance, { color: "#888888", dash: "dash" }),
  ], {
    font: FONT, margin: { l: 34, r: 8, t: 8, b: 40 }, hovermode: "x unified", dragmode: false,
    xaxis: { title: { text: "layer (0 = token embeddings)", standoff: 6 }, fixedrange: true,
             unifiedhovertitle: { text: "layer %{x}" } },
    yaxis: { range: [0, 1.03], fixedrange: true }, legend: { orientation: "h", y: -0.24, itemclick: false, itemdoubleclick: false },
    shapes: [cursor],
  }, QUIET);
}

function drawGrids() {
  const cells = (value) => data.k.map((k) =>
    data.tau.map((tau) => (tau <= k ? value(curve(k, tau).ilo) : null)));
  const heat = (axis, digits, z, scale) => ({
    type: "heatmap", x: data.tau, y: data.k, z, xaxis: `x${axis}`, xgap: 1, ygap: 1,
    showscale: false, hoverongaps: false, texttemplate: `%{z:${digits}}`,
    hovertemplate: `k = %{y}, τ = %{x}: %{z:${digits}}<extra></extra>`, ...scale,
  });
  const mark = (xref) => ({
    type: "rect", xref, x0: now.tau - 0.5, x1: now.tau + 0.5, y0: now.k - 0.5, y1: now.k + 0.5,
    line: { color: data.looks.cursor, width: 3 },
  });
  const side = (text, values, domain) => (
    { title: { text, standoff: 6 }, range: [values[0] - 0.5, values.at(-1) + 0.5], domain,
      dtick: 1, fixedrange: true, showgrid: false, zeroline: false });
  const over = (x, text) => (
    { x, y: 1, xref: "paper", yref: "paper", xanchor: "center", yanchor: "bottom", text,
      showarrow: false });
  Plotly.react("grids", [
    // one scale for all layers, so that colours can be compared as the layer changes
    heat("", ".2f", cells((ilo) => ilo[at()]), { colorscale: "Viridis", zmin: 0, zmax: data.most }),
    heat("2", "d", cells(peak), { colorscale: "Cividis" }),
  ], {
    font: FONT, margin: { l: 40, r: 8, t: 22, b: 40 }, showlegend: false, dragmode: false,
    xaxis: side("τ", data.tau, [0, 0.48]), xaxis2: side("τ", data.tau, [0.52, 1]),
    yaxis: side("k", data.k, [0, 1]),
    shapes: [mark("x"), mark("x2")],
    annotations: [over(0.24, `ILO at layer ${now.layer}`), over(0.76, "layer of the peak")],
  }, QUIET);
}

// the map

function groups() {
  if (now.hue in data.hues) return data.points.map((p) => data.hues[now.hue].groups[language(p)]);
  return data.points.map((point) => (met(point) >= now.tau ? "bridge" : "no bridge"));
}

function lines(x, y) {
  const near = neighbours(now.point);
  return Object.entries(data.looks.kinds).map(([what, color]) => {
    const ends = near.filter((other) => kind(now.point, other) === what);
    const path = (along) => ends.flatMap((end) => [along[now.point], along[end], null]);
    return { x: path(x), y: path(y), mode: "lines", hoverinfo: "skip", line: { color, width: 2 } };
  });
}

function drawMap() {
  const colors = now.hue in data.hues ? data.hues[now.hue].colors : data.looks.bridge;
  const along = (axis) => data.points.map((point) => data.places[at()][2 * point + axis]);
  const x = along(0), y = along(1), reach = 1.05 * data.scale;
  const axis = { visible: false, range: [-reach, reach] };
  const dots = { x, y, mode: "markers", hoverinfo: "text", text: data.hover,
    marker: { size: 6, opacity: 0.8, color: groups().map((group) => colors[group]) } };
  const ring = { x: [x[now.point]], y: [y[now.point]], mode: "markers", hoverinfo: "skip",
    marker: { symbol: "circle-open", size: 14, color: "#000000", line: { width: 2.5 } } };
  Plotly.react("map", [dots, ...lines(x, y), ring], {
    font: FONT, margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, hovermode: "closest",
    dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false, uirevision: now.zoom,
    xaxis: axis, yaxis: { ...axis, scaleanchor: "x" },
    transition: { duration: still ? 0 : 500, easing: "cubic-in-out" },
  }, QUIET);
  $("legend").replaceChildren(
    ...Object.entries(colors).map(([group, color]) => item("span", group, color)));
}

// one sentence, in words

function item(tag, words, color) {
  const element = document.createElement(tag);
  element.textContent = words;
  if (color) element.style.setProperty("--color", color);
  return element;
}

function read() {
  [$("language").value, $("number").value] = [language(now.point), sentence(now.point)];
  $("sentence").replaceChildren(...quoted(now.point));
  $("told").textContent = `${data.tokens[now.point]} tokens. ${count()}`;
  $("near").replaceChildren(...neighbours(now.point).map((other) => {
    const what = kind(now.point, other), entry = item("li", "", data.looks.kinds[what]);
    const about = `${what}, ${data.tokens[other]} tokens`;
    entry.append(item("b", name(other)), item("i", about), ...quoted(other, what));
    return entry;
  }));
}

// A sentence in its own language and, small, what it says; a translation says the same again.
function quoted(point, what) {
  const home = pointOf(data.home, sentence(point)), own = item("span", text(point));
  [own.lang, own.dir] = [data.languages[language(point)].code.replace("_", "-"), "auto"];
  return point === home || what === "translation" ? [own] : [own, item("small", text(home))];
}

// How the sentence enters the scores of its language; the words are those of reading.tell.
function count() {
  const l = language(now.point), n = data.sentences.length, others = data.languages.length - 1;
  const bridges = data.bridges[`${now.k},${now.tau}`][at()][l], reached = data.met[now.k][at()][l];
  const B = bridges / n, R = reached / others, ilo = B && R ? (2 * B * R) / (B + R) : 0;
  const verdict = met(now.point) >= now.tau ? ["≥", "bridge"] : ["<", "no bridge"];
  return (
    `${met(now.point)} other language${met(now.point) === 1 ? "" : "s"} ${verdict[0]} ` +
    `τ = ${now.tau} → ${verdict[1]}. ` +
    `${spoken(now.point)}: ${bridges} of ${n} sentences are bridges, B = ${B.toFixed(2)}. ` +
    `Its lists meet ${reached} of ${others} other languages: R = ${R.toFixed(2)}. ` +
    `ILO = 2BR / (B + R) = ${ilo.toFixed(3)}.`
  );
}

// the start

function plain(words) {
  return words.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function play() {
  if (now.playing) {
    clearInterval(now.playing);
    now.playing = null;
  } else {
    if (now.layer === data.layers.at(-1)) move({ layer: data.layers[0] });
    now.playing = setInterval(() => {
      const next = data.layers[at() + 1];
      next === undefined ? play() : move({ layer: next });
    }, 900);
  }
  $("play").textContent = now.playing ? "Stop" : "Play";
}

function hover(point) {
  const width = innerWidth < 500 ? /.{1,20}(\s|$)|.{1,20}/gu : /.{1,44}(\s|$)|.{1,44}/gu;
  const lines = text(point).match(width);
  return `<b>${plain(name(point))}</b><br>${lines.map(plain).join("<br>")}`;
}

function options(id, names, values = names) {
  $(id).replaceChildren(...names.map((each, i) => new Option(each, values[i])));
}

function listen() {
  for (const knob of ["k", "tau", "layer"])
    $(knob).addEventListener("input", () => move({ [knob]: Number($(knob).value) }));
  $("hue").addEventListener("change", () => move({ hue: $("hue").value }));
  const chosen = () => pointOf(Number($("language").value), Number($("number").value));
  for (const id of ["language", "number"])
    $(id).addEventListener("change", () => move({ point: chosen() }));
  $("play").addEventListener("click", play);
  $("reset").addEventListener("click", () => move({ zoom: now.zoom + 1 }));
  $("curves").on("plotly_click", ({ points }) => move({ layer: points[0].x }));
  $("grids").on("plotly_click", ({ points: [{ x, y }] }) => x <= y && move({ k: y, tau: x }));
  $("map").on("plotly_click", ({ points }) => move({ point: points[0].pointIndex }));
}

async function start() {
  if (!window.Plotly) throw Error("Beside this page must lie plotly.min.js: see make book.");
  if (!window.DecompressionStream) throw Error("This browser is too old to unpack the numbers.");
  data = await unpack();
  data.most = Math.max(...Object.values(data.curves).flatMap((each) => each.ilo));
  $("caption").textContent = `${data.caption}, ${data.languages.length} languages`;
  for (const [knob, values] of [["k", data.k], ["tau", data.tau], ["layer", data.layers]])
    [$(knob).min, $(knob).max] = [values[0], values.at(-1)];
  options("hue", [...Object.keys(data.hues), "bridge or not"]);
  options("language", data.languages.map((each) => each.name), [...data.languages.keys()]);
  options("number", data.sentences, [...data.sentences.keys()]);
  data.points = [...Array(data.languages.length * data.sentences.length).keys()];
  data.hover = data.points.map(hover);
  move({ ...data.start, point: pointOf(data.home, 0) });
  listen();
}

start().catch((error) => {
  statusLine.textContent = error.message;
  statusLine.classList.add("wrong");
});
