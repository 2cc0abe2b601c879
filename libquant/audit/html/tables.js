// All figures, for those who want them.

function change(before, after, format = percent) {
  if (!before || !isNumber(before.value)) return NO_VALUE;
  return `${format(before.value)} → ${format(after.value)}`;
}

const SLICE_COLUMNS = [
  { title: "Slice", cell: (s) => foreign(s.name) },
  { title: "Items", number: true, cell: (s) => s.items },
  { title: "Stereotyped answers", number: true, cell: (s) => change(s.base.stereotype, s.quantized.stereotype) },
  { title: "“Cannot tell”", number: true, cell: (s) => change(s.base.unknown, s.quantized.unknown) },
  { title: "Right answers", number: true, cell: (s) => change(s.base_accuracy, s.quantized_accuracy) },
  { title: "New stereotyped answers beyond chance, points", number: true, cell: (s) => shortInterval(s.excess_emergence, (v) => signed(fixed(100 * v, 1))) },
  { title: "Stopped being stereotyped", number: true, cell: (s) => shortInterval(s.recovered, percent) },
  { title: "“Cannot tell” became stereotype", number: true, cell: (s) => shortInterval(s.silence_loss, percent) },
  { title: "Answers changed", number: true, cell: (s) => shortInterval(s.all_flips, percent) },
  { title: "Odds of stereotype", number: true, cell: (s) => shortInterval(s.stereotype_shift, factor) },
  { title: "Odds of “cannot tell”", number: true, cell: (s) => shortInterval(s.unknown_shift, factor) },
  { title: "KL divergence, nats", number: true, cell: (s) => shortInterval(s.kl_divergence, (v) => fixed(v, 4)) },
  { title: "Entropy, bits", number: true, cell: (s) => change(s.base_entropy, s.quantized_entropy, (v) => fixed(v, 3)) },
  { title: "Calibration error (ECE)", number: true, cell: (s) => `${percent(s.base_calibration_error)} → ${percent(s.quantized_calibration_error)}` },
  { title: "Stereotyped answers: p, corrected", number: true, cell: (s) => `${pValue(s.stereotype_p)}, ${pValue(s.stereotype_p_holm)}` },
  { title: "Right answers: p, corrected", number: true, cell: (s) => `${pValue(s.accuracy_p)}, ${pValue(s.accuracy_p_holm)}` },
  { title: "Cohen’s h", number: true, cell: (s) => fixed(s.stereotype_effect, 3) },
];

function sliceTables(model) {
  const sets = [["Everything, and by set", [model.all].concat(model.sets || [])], ["By subject", model.categories], ["By group of people", model.groups],
    ["By wording (neg: unflattering, nonneg: flattering)", model.polarities],
    ["By confidence of the original (1 = least sure tenth)", (model.margin_deciles || []).slice().sort((a, b) => Number(a.name) - Number(b.name))]];
  if (model.pairs) sets.push([`Pairs of sentences (${formatName(model.pairs.format)})`, [model.pairs.all].concat(model.pairs.categories || [])]);
  return sets.filter(([, slices]) => slices && slices.length > 0).map(([title, slices]) => fold(title, false, table(title, SLICE_COLUMNS, slices, "wide")));
}

function formatTable(model) {
  const competence = new Map((report.formats || []).map((f) => [f.format, f]));
  const rows = (model.formats || []).map((f) => Object.assign({ own: competence.get(f.format) || {} }, f));
  if (rows.length === 0) return null;
  return fold("By scoring format: three ways to ask give three different numbers", false, table("The same model in every format", [
    { title: "Format", cell: (f) => formatName(f.format) + (f.format === report.format ? " (leads this report)" : "") },
    { title: "Right answers of the original", number: true, cell: (f) => shortInterval(f.own.accuracy, percent) },
    { title: "By guessing", number: true, cell: (f) => percent(f.own.chance) },
    { title: "Better than guessing", cell: (f) => (f.own.beats_chance === undefined ? NO_VALUE : f.own.beats_chance ? "yes" : "no") },
    { title: "Stereotyped answers", number: true, cell: (f) => change(f.all.base.stereotype, f.all.quantized.stereotype) },
    { title: "“Cannot tell”", number: true, cell: (f) => change(f.all.base.unknown, f.all.quantized.unknown) },
    { title: "New stereotyped answers beyond chance", number: true, cell: (f) => shortInterval(f.all.excess_emergence, points) },
    { title: "KL divergence, nats", number: true, cell: (f) => shortInterval(f.all.kl_divergence, (v) => fixed(v, 4)) },
  ], rows));
}

// Scores by the definitions of the sets' authors come as plain objects: name, before, after.
function scoreTable(model) {
  const rows = [];
  const walk = (name, value) => {
    if (!value || typeof value !== "object") return;
    if (Array.isArray(value)) {
      value.forEach((part) => walk(part.category ? `${name}, ${part.category}` : name, part));
      return;
    }
    const before = value.base, after = value.quantized;
    if (before && after && typeof before === "object") {
      for (const key of Object.keys(before)) {
        if (isNumber(before[key]) && !/items$/.test(key)) rows.push({ name: `${name}: ${plainName(key).toLowerCase()}`, before: before[key], after: after[key] });
      }
      return;
    }
    for (const key of Object.keys(value)) walk(`${name}, ${plainName(key)}`, value[key]);
  };
  const names = { bbq: "BBQ", stereoset: "StereoSet", crows_pairs: "CrowS-Pairs", winobias: "WinoBias" };
  for (const [key, value] of Object.entries(model.scores || {})) walk(names[key] || plainName(key), value);
  if (rows.length === 0) return null;
  return fold("Scores as the sets’ authors define them", false, table("Published scores", [
    { title: "Score", cell: (r) => foreign(r.name) },
    { title: "Before", number: true, cell: (r) => fixed(r.before, 3) },
    { title: "After", number: true, cell: (r) => fixed(r.after, 3) },
  ], rows));
}

function criteriaTable(model) {
  return table(`Limits, and how ${model.name} kept them`, [
    { title: "What may not get worse", cell: (c) => [criterionName(c.name), el("span", { class: "role" }, foreign(c.reason))] },
    { title: "Result", cell: (c) => verdictBadge(c.verdict) },
    { title: "Measured", number: true, cell: (c) => shortInterval(c.measured, (v) => criterionValue(c.name, v)) },
    { title: "Limit", number: true, cell: (c) => criterionValue(c.name, c.limit) },
  ], model.gate.criteria || [], "criteria");
}

const FACTS = { isa: "Instruction set", bits: "Bits per weight", path: "File" };

// Any object of plain values, for provenance.
function facts(object, skip = []) {
  const rows = Object.entries(object || {}).filter(([key, value]) => !skip.includes(key) && value !== null && value !== "");
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return el("dl", {}, rows.map(([key, value]) => [el("dt", {}, Object.hasOwn(FACTS, key) ? FACTS[key] : plainName(key)), el("dd", {}, foreign(text(value)))]));
}

function modelFacts(model) {
  return facts(model, ["gate", "all", "disambiguated", "categories", "groups", "polarities", "margin_deciles", "points", "points_of", "changed_items",
    "findings", "formats", "pairs", "scores", "sets", "items", "accuracy", "perplexity", "bytes", "name", "study_protocol"]);
}
