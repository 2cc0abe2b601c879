// Puts the page together: result first, pictures next, tables and provenance last.

const report = JSON.parse(document.getElementById("report-data").textContent);
const models = report.models || [];

function heading() {
  const title = report.title || (report.kind === "sweep" ? "Fairness against bits" : "Fairness audit of a quantized model");
  document.title = `${report.title || "Fairness audit"}: ${models.map((m) => m.name).join(", ")}`;
  const base = report.base || {}, items = report.items || {};
  const counted = [items.ambiguous ? `${items.ambiguous} questions whose context does not tell the answer` : null,
    items.disambiguated ? `${items.disambiguated} whose context does` : null, items.pairs ? `${items.pairs} pairs of sentences` : null].filter(Boolean);
  return [el("h1", {}, foreign(title)),
    el("p", { class: "lead" }, "Does making this model smaller make it less fair? ", foreign(models.map((m) => m.name).join(", ")),
      models.length === 1 ? " is" : " are", " compared with the original, ", foreign(base.name), base.weights ? [" (", foreign(base.weights), ")"] : null,
      `, item by item: ${counted.join(", ") || count(items.total || 0, "item", "items")}.`)];
}

function verdictLine(model) {
  const criteria = model.gate.criteria || [];
  const broken = criteria.filter((c) => c.verdict === "fail"), kept = criteria.filter((c) => c.verdict === "pass");
  const open = criteria.filter((c) => c.verdict === "inconclusive" && c.decides !== false).length;
  if (model.gate.verdict === "fail") {
    return `${count(broken.length, "limit is", "limits are")} broken` +
      (open > 0 ? `; ${open} more could not be decided, “Every limit” says why:` : ":");
  }
  if (model.gate.verdict === "pass") {
    return `No limit is broken; ${kept.length} of ${criteria.length} could be checked. This does not prove that the model is fair, only that ` +
      "quantization was not seen to make it worse on these items.";
  }
  return "These questions cannot decide it, which is no pass:";
}

// Why criteria are open, each reason once. Their figures would mislead here; the table has them.
function openReasons(criteria) {
  const names = new Map();
  for (const c of criteria) names.set(c.reason, (names.get(c.reason) || []).concat(criterionName(c.name)));
  return el("ul", { class: "reasons" }, Array.from(names, ([reason, open]) =>
    el("li", {}, el("strong", {}, foreign(reason.charAt(0).toUpperCase() + reason.slice(1))), open.length > 3 ? `: this leaves ${open.length} limits open` : `: ${open.join("; ")}`)));
}

// The criteria that made the verdict, each with its figures.
function reasons(model) {
  const decisive = (model.gate.criteria || []).filter((c) => c.verdict === model.gate.verdict && c.verdict !== "pass" &&
    (c.verdict === "fail" || c.decides !== false));
  if (decisive.length === 0) return null;
  if (model.gate.verdict !== "fail") return openReasons(decisive);
  return el("ul", { class: "reasons" }, decisive.map((c) => el("li", {}, el("strong", {}, criterionName(c.name)),
    isNumber((c.measured || {}).value) ? `: ${shortInterval(c.measured, (v) => criterionValue(c.name, v))}, limit ${criterionValue(c.name, c.limit)}` : "")));
}

function verdictCard(model, i) {
  const verdict = model.gate.verdict;
  const about = [bitsText(model.bits), model.weights, isNumber(model.bytes) ? bytes(model.bytes) : ""].filter(Boolean);
  return el("article", { class: `verdict ${Object.hasOwn(VERDICTS, verdict) ? verdict : "inconclusive"}` },
    el("h3", {}, verdictBadge(verdict), " ", foreign(model.name)),
    el("p", { class: "about" }, about.flatMap((t, k) => (k === 0 ? [foreign(t)] : [" · ", foreign(t)])), " · ", el("a", { href: `#model-${i + 1}` }, "pictures and items")),
    el("p", {}, verdictLine(model)), reasons(model),
    (model.findings || []).length > 0 ? fold("What the audit found, in sentences", true,
      el("ul", { class: "reasons" }, model.findings.map((f) => el("li", {}, foreign(f))))) : null,
    fold("Every limit", true, criteriaTable(model)));
}

// Names of formats as this page calls them.
function inWords(text) {
  return text ? text.replace(/\b[a-z]+(_[a-z]+)+\b/g, (name) => (Object.hasOwn(FORMATS, name) ? `“${FORMATS[name]}”` : name)) : text;
}

function competenceLine() {
  const base = report.base || {};
  if (!report.format_reason && !base.accuracy) return null;
  const warn = report.competent === false;
  return el("div", { class: `note ${warn ? "warn" : ""}` }, el("p", {}, el("strong", {}, warn ? "Can the test tell anything here? Hardly. " : "Can the test tell anything here? Yes. "),
    foreign(inWords(report.format_reason) || `The original is right on ${withInterval(base.accuracy, percent)} of the items whose context decides.`),
    ` All figures are for the format “${formatName(report.format)}” unless they name another.`));
}

function sizeTable() {
  const rows = [report.base || {}].concat(models);
  return table("The models", [
    { title: "Model", cell: (m) => foreign(m.name + (m === report.base ? " (original)" : "")) },
    { title: "Weights", cell: (m) => foreign(m.weights || bitsText(m.bits)) },
    { title: "Size", number: true, cell: (m) => bytes(m.bytes) },
    { title: "Perplexity", number: true, cell: (m) => fixed(m.perplexity, 2) },
    { title: "Right answers where the context decides", number: true, cell: (m) => shortInterval(m === report.base ? m.accuracy : m.all.quantized_accuracy, percent) },
    { title: "“Cannot tell” where it does not", number: true, cell: (m) => percent((m === report.base ? (models[0] || { all: { base: {} } }).all.base.unknown || {} : m.all.quantized.unknown).value) },
  ], rows);
}

function modelSection(model, i) {
  const id = `model-${i + 1}`;
  return el("section", { id, class: "model", "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, models.length > 1 ? "In detail: " : "The model in detail: ", foreign(modelLabel(model)), " ", verdictBadge(model.gate.verdict)),
    el("h3", {}, "How answers moved"), shiftPicture(model, id),
    el("h3", {}, "Who is hit"), forestPicture(model, id),
    el("h3", {}, "The items that changed most"), changedItems(model, id),
    el("h3", { class: "screen" }, "Tables"), sliceTables(model), formatTable(model), scoreTable(model));
}

const GLOSSARY = [
  ["Stereotyped answer", "the answer that a common prejudice suggests. Whether a question sounds flattering or not is taken into account."],
  ["“Cannot tell”", "the right answer to a question whose context does not say who it was. A fair model gives it there."],
  ["By chance", "models answer with a grain of randomness. Asked again, even an unchanged model changes some answers; only what goes beyond counts."],
  ["Interval", "if the audit were repeated with other questions of the same kind, the figure would mostly fall in this range."],
  ["Point", "a hundredth of the whole: from 10 % to 12 % are 2 points."],
  ["Odds", "how much likelier one answer is than another. ×2 doubles that, ÷2 halves it."],
  ["Bits", "how many binary digits store one weight of the model. Fewer make it smaller and coarser."],
  ["p, corrected", "how easily luck alone would produce such a difference; corrected (Holm) for looking at many groups at once."],
  ["KL divergence", "how far the answer probabilities moved in all, in any direction: 0 means not at all."],
];

function provenance() {
  const p = report.provenance || {};
  return section("provenance", "Where this comes from",
    el("p", {}, "Everything that is needed to repeat the audit. Hashes are XXH3-128 of the content."),
    facts(p, ["probe_sets", "options", "thresholds"]),
    p.probe_sets ? table("Probe sets", [
      { title: "Set", cell: (s) => foreign(s.name) }, { title: "Licence", cell: (s) => foreign(s.licence) },
      { title: "Items", number: true, cell: (s) => s.items }, { title: "Skipped", number: true, cell: (s) => s.skipped },
      { title: "Hash", cell: (s) => el("code", {}, foreign(s.content_hash)) }, { title: "File", cell: (s) => foreign(s.path) },
    ], p.probe_sets) : null,
    el("h3", {}, "Original: ", foreign((report.base || {}).name)), modelFacts(report.base),
    models.map((m) => [el("h3", {}, "Quantized: ", foreign(m.name)), modelFacts(m)]),
    fold("Options of the audit", true, facts(p.options)), fold("Limits of the gate", true, facts(p.thresholds)),
    report.shortened ? el("p", { class: "note" }, foreign(report.shortened)) : null, saveButton());
}

function saveButton() {
  const button = el("button", { type: "button", class: "screen" }, "Save the figures as JSON");
  button.addEventListener("click", () => {
    const link = el("a", { download: "report.json" });
    link.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }));
    link.click();
    URL.revokeObjectURL(link.href);
  });
  return button;
}

function build() {
  const main = document.getElementById("main"), links = [["#result", "Result"], ["#overview", "New stereotyped answers"],
    ...models.map((m, i) => [`#model-${i + 1}`, models.length > 1 ? m.name : "In detail"]), ["#words", "Words"], ["#provenance", "Provenance"]];
  document.getElementById("head").append(...heading(),
    el("nav", { "aria-label": "Sections", class: "screen" }, el("ul", {}, links.map(([href, text]) => el("li", {}, el("a", { href }, foreign(short(text, 40))))))));
  main.textContent = "";
  main.append(
    section("result", "Result", el("div", { class: models.length > 1 ? "verdicts" : null }, models.map(verdictCard)), competenceLine(), sizeTable()),
    section("overview", "Do stereotyped answers appear that were not there before?", emergencePicture(models),
      report.dose_response ? dosePicture(report.dose_response, models) : null),
    ...models.map(modelSection),
    section("words", "Words used here", el("dl", { class: "words" }, GLOSSARY.map(([word, text]) => [el("dt", {}, word), el("dd", {}, text)]))),
    provenance());
  document.getElementById("foot").append(el("p", {}, `Made by libquant ${(report.provenance || {}).library_version || ""}. This file is complete in itself ` +
    "and loads nothing. An audit shows what changed on its items; it cannot certify that a model is fair."));
}

build();
drawAll();
let waiting = 0;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(drawAll, 120);
});
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details.printed:not([open])")) {
    details.dataset.opened = "for print";
    details.open = true;
  }
  drawAll(700);
});
window.addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-opened]")) {
    details.open = false;
    delete details.dataset.opened;
  }
  drawAll();
});
