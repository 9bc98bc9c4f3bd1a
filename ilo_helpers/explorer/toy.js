// The plane of toy.py: draws what Python has computed, and tells it where a point was dragged.
const SIZE = { width: 640, height: 448 }; // 10 × 7 units
const UNIT = 64;

function svg(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function mark(kind, x, y, color, parent) {
  if (kind === "s")
    return svg("rect", { x: x - 8, y: y - 8, width: 16, height: 16, fill: color }, parent);
  if (kind === "^") {
    const points = `${x},${y - 10} ${x - 9},${y + 7} ${x + 9},${y + 7}`;
    return svg("polygon", { points, fill: color }, parent);
  }
  return svg("circle", { cx: x, cy: y, r: 9, fill: color }, parent);
}

function field(name, value, most, parent, onChange) {
  const label = document.createElement("label");
  label.append(`${name} `);
  const input = document.createElement("input");
  Object.assign(input, { type: "number", min: 1, max: most, value });
  input.style.cssText = "width: 4em; margin-right: 1em";
  input.setAttribute("aria-label", `${name} of the toy`);
  input.addEventListener("change", () => onChange(Number(input.value)));
  label.append(input);
  parent.append(label);
}

function render({ model, el }) {
  el.classList.add("ilo-toy");
  let dragged = null; // place of the point under the pointer

  function tell(change) {
    const { k, tau } = model.get("shown");
    model.set("moved", { k, tau, ...change });
    model.save_changes();
  }

  function at(plane, event) {
    const box = plane.getBoundingClientRect();
    const scale = SIZE.width / box.width / UNIT;
    const clip = (value, most) => Math.min(most, Math.max(0, value));
    return {
      x: clip((event.clientX - box.left) * scale, 10),
      y: clip(7 - (event.clientY - box.top) * scale, 7),
    };
  }

  function draw() {
    const shown = model.get("shown");
    el.replaceChildren();
    const knobs = document.createElement("div");
    field("k", shown.k, 6, knobs, (k) => tell({ k }));
    field("τ", shown.tau, 2, knobs, (tau) => tell({ tau }));
    el.append(knobs);
    const plane = svg("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}` }, el);
    plane.style.cssText = "max-width: 640px; width: 100%; border: 1px solid #ccc; touch-action: none";
    const place = ({ x, y }) => [x * UNIT, SIZE.height - y * UNIT];
    const head = svg("marker", { id: "ilo-arrow", viewBox: "0 0 8 8", refX: 16, refY: 4,
      markerWidth: 7, markerHeight: 7, orient: "auto", fill: "context-stroke" }, plane);
    svg("path", { d: "M0,0 L8,4 L0,8 Z" }, head);
    for (const point of shown.points)
      for (const other of point.near) {
        const end = shown.points[other];
        const [x1, y1] = place(point), [x2, y2] = place(end);
        const stroke = point.language === end.language ? "#bbb" : "#000";
        svg("line", { x1, y1, x2, y2, stroke, "marker-end": "url(#ilo-arrow)" }, plane);
      }
    shown.points.forEach((point, i) => {
      const [x, y] = place(point), [color, kind] = shown.looks[point.language];
      const group = svg("g", { cursor: "grab", "data-point": `${point.language} ${point.meaning}` }, plane);
      if (point.bridge)
        svg("circle", { cx: x, cy: y, r: 15, fill: "none", stroke: "#CC3311", "stroke-width": 2 }, group);
      mark(kind, x, y, color, group);
      const right = x > SIZE.width - 90; // the name would not fit
      const text = svg("text", { x: right ? x - 12 : x + 12, y: y - 11, "font-size": 12,
        "text-anchor": right ? "end" : "start" }, group);
      text.textContent = `${point.meaning} (${point.language})`;
      group.addEventListener("pointerdown", (event) => { dragged = i; event.preventDefault(); });
    });
    plane.addEventListener("pointermove", (event) => {
      if (dragged === null) return;
      const { language, meaning } = shown.points[dragged];
      tell({ language, meaning, ...at(plane, event) });
    });
    const list = document.createElement("pre");
    list.className = "ilo-toy-scores";
    list.textContent = shown.scores.map((s) =>
      `${s.language}   B = ${s.bridge.toFixed(2)}   R = ${s.reach.toFixed(2)}   ILO = ${s.ilo.toFixed(3)}`,
    ).join("\n");
    el.append(list);
  }

  const release = () => { dragged = null; };
  window.addEventListener("pointerup", release);
  model.on("change:shown", draw);
  draw();
  return () => window.removeEventListener("pointerup", release);
}

export default { render };
