// Elements are made by this function alone, and text enters as text: nothing in a report can become markup.

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

// Text from the data: kept apart from its surroundings, so that right-to-left marks in it reorder nothing else.
function foreign(text) {
  return el("bdi", { dir: "auto" }, text === null || text === undefined ? "" : String(text));
}

function verdictBadge(verdict) {
  const known = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : { icon: "?", word: plainName(verdict) };
  return el("span", { class: `badge ${Object.hasOwn(VERDICTS, verdict) ? verdict : "inconclusive"}` },
    el("span", { class: "icon", "aria-hidden": "true" }, known.icon), " " + known.word);
}

function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": id + "-title" }, el("h2", { id: id + "-title" }, title), children);
}

// `columns`: [{title, cell(row) -> text or node, number: bool}]
function table(caption, columns, rows, className = "") {
  const head = el("tr", {}, columns.map((c) => el("th", { scope: "col", class: c.number ? "number" : null }, c.title)));
  const body = rows.map((row) => el("tr", { class: row && row.too_small ? "pale" : null }, columns.map((c, i) =>
    i === 0 ? el("th", { scope: "row" }, c.cell(row)) : el("td", { class: c.number ? "number" : null }, c.cell(row)))));
  const made = el("table", { class: className || null }, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, body));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, made);
}

// What is folded stays out of a print, unless it belongs there.
function fold(summary, printed, ...children) {
  return el("details", { class: printed ? "printed" : null }, el("summary", {}, summary), children);
}
