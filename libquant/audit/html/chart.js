// What all pictures share: a frame that is drawn again when the width changes, axes, and marks that mouse, touch and
// keyboard can read.

const drawn = [];  // functions that draw each picture at the present width

// A figure: the sentence that the data says, the picture, how to read it, and the numbers behind it.
// Without anything to draw, the sentence says so alone.
function picture({ id, sentence, also, empty, label, draw, legend, reading, numbers }) {
  if (empty) return el("figure", { id, class: "empty" }, el("figcaption", {}, sentence));
  const stage = el("div", { class: "stage" });
  const tip = el("div", { class: "tip", role: "status", "aria-live": "polite" });
  const figure = el("figure", { id }, el("figcaption", {}, sentence), also ? el("p", {}, also) : null, legend, stage, tip,
    el("p", { class: "reading" }, el("strong", {}, "How to read it. "), reading),
    numbers ? fold("The numbers behind this picture", false, numbers) : null);
  drawn.push((width) => {
    stage.textContent = "";
    const available = width || Math.max(280, Math.min(stage.clientWidth || 720, 980));
    const svg = d3.select(stage).append("svg");
    svg.attr("role", "img").attr("aria-label", `${label} Arrow keys move through the marks.`).attr("tabindex", 0);
    const { height, marks } = draw(svg, available);
    svg.attr("viewBox", `0 0 ${available} ${height}`).attr("width", "100%").attr("height", height);
    readable(svg, marks, tip);
  });
  return figure;
}

function drawAll(width) {
  for (const draw of drawn) draw(width);
}

// `marks`: [{x, y, text}] in the picture's coordinates. The nearest one under the pointer, or the one that arrow keys
// have reached, is ringed and told in words.
function readable(svg, marks, tip) {
  if (marks.length === 0) return;
  const ring = svg.append("circle").attr("class", "ring").attr("r", 9).style("display", "none");
  let current = -1;
  const show = (i) => {
    current = i;
    if (i < 0) {
      ring.style("display", "none");
      tip.textContent = "";
      return;
    }
    ring.attr("cx", marks[i].x).attr("cy", marks[i].y).style("display", null);
    tip.textContent = "";
    tip.append(foreign(marks[i].text));
  };
  const node = svg.node();
  const nearest = (event) => {
    const box = node.getBoundingClientRect();
    const scale = node.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = -1, distance = 24 * 24;
    marks.forEach((mark, i) => {
      const d = (mark.x - x) ** 2 + (mark.y - y) ** 2;
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  };
  node.addEventListener("pointermove", (event) => show(nearest(event)));
  node.addEventListener("pointerdown", (event) => show(nearest(event)));
  node.addEventListener("pointerleave", () => show(-1));
  node.addEventListener("blur", () => show(-1));
  node.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") show(-1);
    if (!step) return;
    event.preventDefault();
    show((Math.max(current, step > 0 ? -1 : 0) + step + marks.length) % marks.length);
  });
}

// Axes with a light grid; returns the inner group.
function frame(svg, { width, height, margin, x, y, xTicks, yTicks, xFormat, yFormat, xLabel, yLabel, xValues, yValues }) {
  const inner = svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`);
  const w = width - margin.left - margin.right, h = height - margin.top - margin.bottom;
  const axis = (scale, orient, size, ticks, values, format) => {
    const made = d3.svg.axis().scale(scale).orient(orient).tickSize(-size, 0).tickPadding(7);
    if (values) made.tickValues(values);
    else if (ticks) made.ticks(ticks);
    if (format) made.tickFormat(format);
    return made;
  };
  if (x) inner.append("g").attr("class", "axis").attr("transform", `translate(0,${h})`).call(axis(x, "bottom", h, xTicks, xValues, xFormat));
  if (y) inner.append("g").attr("class", "axis").call(axis(y, "left", w, yTicks, yValues, yFormat));
  if (xLabel) inner.append("text").attr("class", "label").attr("x", w / 2).attr("y", h + margin.bottom - 6).attr("text-anchor", "middle").text(xLabel);
  if (yLabel) inner.append("text").attr("class", "label").attr("x", -margin.left + 4).attr("y", -10).text(yLabel);
  return { inner, w, h };
}

// A value with its interval, upright or lying.
function whisker(group, className, x1, y1, x2, y2, cap = 4) {
  const g = group.append("g").attr("class", className);
  g.append("line").attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
  const upright = x1 === x2;
  for (const [x, y] of [[x1, y1], [x2, y2]]) {
    g.append("line").attr("x1", upright ? x - cap : x).attr("x2", upright ? x + cap : x)
      .attr("y1", upright ? y : y - cap).attr("y2", upright ? y : y + cap);
  }
  return g;
}

function symbol(group, className, type, size, x, y) {
  return group.append("path").attr("class", className).attr("transform", `translate(${x},${y})`)
    .attr("d", d3.svg.symbol().type(type).size(size)());
}

// Small pictures of marks with their names.
function legendOf(entries) {
  return el("ul", { class: "legend" }, entries.map(([className, type, text]) => {
    const box = d3.select(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    box.attr("width", 22).attr("height", 16).attr("aria-hidden", "true").attr("focusable", "false");
    if (type === "line") box.append("line").attr("class", className).attr("x1", 1).attr("x2", 21).attr("y1", 8).attr("y2", 8);
    else symbol(box, className, type, 70, 11, 8);
    return el("li", {}, box.node(), " " + text);
  }));
}

// Long names are cut for the picture only; tables have them whole.
function short(text, most) {
  const characters = Array.from(String(text));
  return characters.length <= most ? characters.join("") : characters.slice(0, most - 1).join("") + "…";
}
