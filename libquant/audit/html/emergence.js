// Picture 1: stereotyped answers that were not there before, against bits, with chance; and the dose-response curve.

function modelLabel(model) {
  return isNumber(model.bits) ? `${model.name}, ${bitsText(model.bits)}` : model.name;
}

// A model that changes at all gains stereotyped answers and loses others: the balance belongs beside the gains.
function balanceSentence(models) {
  const measured = models.filter((m) => m.all.stereotype_change && isNumber(m.all.stereotype_change.value));
  if (measured.length === 0) return "";
  const told = (m) => {
    const e = m.all.stereotype_change;
    const clear = clearlyAbove(e) ? "more than before" : clearlyBelow(e) ? "fewer than before" : "not clearly different from before";
    return `${withInterval(e, points)}${measured.length > 1 ? ` in ${m.name}` : ""}, ${clear}`;
  };
  // All of a few models; of many, the one that moved farthest in either direction.
  const size = (m) => Math.abs(m.all.stereotype_change.value);
  const shown = measured.length <= 3 ? measured : [measured.reduce((a, b) => (size(b) > size(a) ? b : a))];
  return `Stereotyped answers also disappear. Counting both, their share changed by ${shown.map(told).join("; ")}` +
    `${shown.length < measured.length ? ", the largest change of all models here" : ""}.`;
}

function emergenceSentence(models) {
  const measured = models.filter((m) => isNumber(m.all.excess_emergence.value));
  if (measured.length === 0) return "No question here can show new stereotyped answers: none is ambiguous with a stereotyped option.";
  const worst = measured.reduce((a, b) => (b.all.excess_emergence.value > a.all.excess_emergence.value ? b : a));
  const all = worst.all;
  const clear = measured.filter((m) => clearlyAbove(m.all.excess_emergence));
  const fewer = measured.filter((m) => clearlyBelow(m.all.excess_emergence));
  if (clear.length === 0 && fewer.length > 0 && measured.length > 1) {
    const least = fewer.reduce((a, b) => (b.all.excess_emergence.value < a.all.excess_emergence.value ? b : a));
    return `Where the original never answered with the stereotype, no model here does so more often than chance alone would; ` +
      `${fewer.length} of ${measured.length} do so clearly less often (${least.name}: ${withInterval(least.all.excess_emergence, points)}). ` +
      "That is a change too: see whether “cannot tell” rose, and how answers moved.";
  }
  const start = measured.length === 1 ? "After quantization" : `In the worst case (${worst.name})`;
  const figures = `${start}, ${percent(all.emergence.value)} of the questions that the original never answered with the stereotype ` +
    `get that answer; resampling the unchanged original would already give ${percent(all.emergence_null.value)}. `;
  if (clear.length === 0 && clearlyBelow(all.excess_emergence)) {
    return figures + `The difference, ${withInterval(all.excess_emergence, points)}, says that fewer appear than by chance` +
      ". That is a change too: see whether “cannot tell” rose, and how answers moved.";
  }
  if (clear.length === 0) {
    return figures + `The difference, ${withInterval(all.excess_emergence, points)}, cannot be told from no change` +
      (measured.length > 1 ? "; no model here shows more than chance." : ".");
  }
  const which = measured.length === 1 ? "" : ` ${clear.length} of ${measured.length} models are clearly above chance.`;
  return figures + `The difference, ${withInterval(all.excess_emergence, points)}, ` +
    (clear.includes(worst) ? "is more than chance explains." : "is not clear for this one, but is for another.") + which;
}

const ESTIMATES = [["emergence_null", "chance", "diamond", "by chance alone"], ["emergence", "found", "circle", "after quantization"]];
const EMERGENCE_LABEL = "Share of questions that the original never answered with the stereotype";

function emergenceTop(models) {
  return Math.max(0.02, ...models.flatMap((m) => ESTIMATES.map(([key]) => m.all[key].high || m.all[key].value)));
}

// Models that differ in their bits: along a scale of bits, the most bits first.
function drawEmergenceByBits(models, svg, width) {
  const margin = { top: 30, right: 16, bottom: 50, left: 52 }, height = 340, top = emergenceTop(models);
  const bits = models.map((m) => m.bits), high = Math.max(...bits), low = Math.min(...bits), room = (high - low) * 0.08;
  const x = d3.scale.linear().domain([high + room, low - room]).range([0, width - margin.left - margin.right]);
  const y = d3.scale.linear().domain([0, top]).nice().range([height - margin.top - margin.bottom, 0]);
  const { inner } = frame(svg, { width, height, margin, x, y, xValues: bits.slice().sort((a, b) => b - a), xFormat: bitsText, yTicks: 5,
    yFormat: (v) => percent(v, top < 0.05 ? 1 : 0), xLabel: "Bits per weight: fewer to the right", yLabel: width < 480 ? "Share of questions" : EMERGENCE_LABEL });
  const ordered = models.slice().sort((a, b) => b.bits - a.bits), marks = [];
  for (const [key, className] of ESTIMATES) {
    inner.append("path").attr("class", `trend ${className}`).attr("d", d3.svg.line().x((m) => x(m.bits)).y((m) => y(m.all[key].value))(ordered));
  }
  for (const model of ordered) {
    ESTIMATES.forEach(([key, className, type, words], side) => {
      const e = model.all[key], at = x(model.bits) + (side === 0 ? -5 : 5);
      if (hasInterval(e)) whisker(inner, `whisker ${className}`, at, y(e.high), at, y(e.low));
      symbol(inner, `dot ${className}`, type, 84, at, y(e.value));
      marks.push({ x: margin.left + at, y: margin.top + y(e.value), text: `${modelLabel(model)}, ${words}: ${withInterval(e, percent)}` });
    });
  }
  return { height, marks };
}

// Any other models: a row each.
function drawEmergenceRows(models, svg, width) {
  const line = 58, narrow = width < 560, names = narrow ? 104 : 210, top = emergenceTop(models);
  const margin = { top: 8, right: 20, bottom: 50, left: names + 10 }, height = margin.top + margin.bottom + line * models.length;
  const x = d3.scale.linear().domain([0, top]).nice().range([0, width - margin.left - margin.right]);
  const { inner } = frame(svg, { width, height, margin, x, xTicks: narrow ? 4 : 8, xFormat: (v) => percent(v, top < 0.05 ? 1 : 0),
    xLabel: narrow ? "Share of questions" : EMERGENCE_LABEL });
  const marks = [];
  models.forEach((model, i) => {
    const middle = line * (i + 0.5);
    const name = inner.append("text").attr("class", "tick").attr("text-anchor", "end").attr("y", middle - 2);
    name.append("tspan").attr("x", -12).text(short(model.name, Math.floor(names / 7.6)));
    name.append("tspan").attr("x", -12).attr("dy", "1.25em").attr("class", "second").text(bitsText(model.bits));
    ESTIMATES.forEach(([key, className, type, words], side) => {
      const e = model.all[key], y = middle + (side === 0 ? 9 : -9);
      if (hasInterval(e)) whisker(inner, `whisker ${className}`, x(e.low), y, x(e.high), y);
      symbol(inner, `dot ${className}`, type, 84, x(e.value), y);
      marks.push({ x: margin.left + x(e.value), y: margin.top + y, text: `${modelLabel(model)}, ${words}: ${withInterval(e, percent)}` });
    });
  });
  return { height, marks };
}

function drawEmergence(models, svg, width) {
  const measured = models.filter((m) => isNumber(m.all.emergence.value));
  const byBits = measured.length > 2 && measured.every((m) => isNumber(m.bits)) && new Set(measured.map((m) => m.bits)).size === measured.length;
  return (byBits ? drawEmergenceByBits : drawEmergenceRows)(measured, svg, width);
}

function emergencePicture(models) {
  return picture({
    id: "picture-emergence", sentence: emergenceSentence(models) +
      (report.competent === false ? " Read this with care: the original itself cannot be told from guessing here." : ""),
    also: balanceSentence(models), empty: !models.some((m) => isNumber(m.all.emergence.value)),
    label: "New stereotyped answers per model, after quantization and by chance alone, with intervals.",
    legend: legendOf([["dot found", "circle", "after quantization"], ["dot chance", "diamond", "by chance alone (unchanged original)"]]),
    draw: (svg, width) => drawEmergence(models, svg, width),
    reading: "A circle is the share of questions that the original never answered with the stereotype, and the quantized model does at " +
      "least once in a few tries. A diamond is what the unchanged original would show if it were simply asked again: answers are drawn at " +
      `random, so some change by luck. Only the distance between them is due to quantization. Bars are ${levelText()} intervals; ` +
      "where the bars of a pair overlap widely, nothing was shown.",
    numbers: table("New stereotyped answers", [
      { title: "Model", cell: (m) => foreign(modelLabel(m)) },
      { title: "After quantization", number: true, cell: (m) => shortInterval(m.all.emergence, percent) },
      { title: "By chance alone", number: true, cell: (m) => shortInterval(m.all.emergence_null, percent) },
      { title: "Difference", number: true, cell: (m) => shortInterval(m.all.excess_emergence, points) },
      { title: "Stereotyped answers in all", number: true, cell: (m) => shortInterval(m.all.stereotype_change, points) },
      { title: "Same random numbers for both", number: true, cell: (m) => shortInterval(m.all.coupled_emergence, percent) },
      { title: "Most probable answer only", number: true, cell: (m) => shortInterval(m.all.greedy_emergence, percent) },
      { title: "Questions", number: true, cell: (m) => m.all.emergence.n },
    ], models),
  });
}

// Where "cannot tell" moves with the bits, fewer stereotyped answers mean something else.
function doseOfUnknown(dose) {
  const unknown = dose.unknown;
  if (!unknown || !isNumber(unknown.odds_ratio_per_bit)) return "";
  const clear = clearlyAbove(unknown.coefficient) || clearlyBelow(unknown.coefficient);
  return `Each bit less multiplies the odds of a “cannot tell” answer by ${fixed(1 / unknown.odds_ratio_per_bit, 2)} ` +
    `(${pText(unknown.p)}${clear ? "" : ", which cannot be told from no effect"}).`;
}

function doseSentence(dose) {
  const b = dose.coefficient;
  const per = `each bit less multiplies the odds of a stereotyped answer by ${fixed(1 / dose.odds_ratio_per_bit, 2)}`;
  if (!hasInterval(b)) return `Over all bit widths, ${per}.`;
  if (clearlyBelow(b)) return `Fewer bits, more stereotyped answers: ${per} (${pText(dose.p)}).`;
  if (clearlyAbove(b)) return `Fewer bits, fewer stereotyped answers: ${per} (${pText(dose.p)}). Check that this is no loss of ability.`;
  return `No clear trend: ${per}, which cannot be told from no effect (${pText(dose.p)}).`;
}

function drawDose(dose, models, svg, width) {
  const margin = { top: 30, right: 16, bottom: 48, left: 52 }, height = 300;
  const shares = models.filter((m) => isNumber(m.bits) && isNumber(m.all.quantized.stereotype.value))
    .map((m) => ({ bits: m.bits, e: m.all.quantized.stereotype, name: modelLabel(m) }));
  const bits = dose.curve.map((c) => c.bits).concat(shares.map((s) => s.bits));
  const w = width - margin.left - margin.right, h = height - margin.top - margin.bottom;
  const low = Math.min(...bits), high = Math.max(...bits), room = (high - low) * 0.05 || 1;
  const x = d3.scale.linear().domain([high + room, low - room]).range([0, w]);
  const tops = dose.curve.map((c) => c.high).concat(shares.map((s) => s.e.high)).filter(isNumber);
  const y = d3.scale.linear().domain([0, Math.max(0.05, ...tops)]).nice().range([h, 0]);
  const widths = Array.from(new Set(shares.map((s) => s.bits)));
  const { inner } = frame(svg, { width, height, margin, x, y, yTicks: 5, xValues: widths, xFormat: (v) => bitsText(v),
    yFormat: (v) => percent(v, 0), xLabel: "Bits per weight: fewer to the right", yLabel: "Share of stereotyped answers" });
  const band = dose.curve.filter((c) => isNumber(c.low) && isNumber(c.high));
  inner.append("path").attr("class", "band").attr("d", d3.svg.area().x((c) => x(c.bits)).y0((c) => y(c.low)).y1((c) => y(c.high))(band));
  inner.append("path").attr("class", "trend found").attr("d", d3.svg.line().x((c) => x(c.bits)).y((c) => y(c.value))(dose.curve));
  const marks = shares.map((s) => {
    if (hasInterval(s.e)) whisker(inner, "whisker found", x(s.bits), y(s.e.high), x(s.bits), y(s.e.low));
    symbol(inner, "dot found", "circle", 84, x(s.bits), y(s.e.value));
    return { x: margin.left + x(s.bits), y: margin.top + y(s.e.value), text: `${s.name}: ${withInterval(s.e, percent)}` };
  });
  return { height, marks };
}

function dosePicture(dose, models) {
  return picture({
    id: "picture-dose", sentence: doseSentence(dose), also: doseOfUnknown(dose), label: "Share of stereotyped answers against bits, with a fitted curve.",
    legend: legendOf([["dot found", "circle", "measured"], ["trend found", "line", "fitted curve with its interval"]]),
    draw: (svg, width) => drawDose(dose, models, svg, width),
    reading: "Each circle is the share of ambiguous questions that a model answers with the stereotype. The curve is a logistic regression " +
      "on the number of bits; its errors allow for questions of one template resembling each other.",
    numbers: table("Fit", [
      { title: "Figure", cell: (r) => r[0] }, { title: "Value", number: true, cell: (r) => r[1] },
    ], [["Change of log odds per bit", shortInterval(dose.coefficient, (v) => fixed(v, 3))],
      ["Odds ratio per bit", fixed(dose.odds_ratio_per_bit, 3)], ["p", pValue(dose.p)],
      ["Answers", String(dose.records ?? NO_VALUE)], ["Templates", String(dose.clusters ?? NO_VALUE)]]),
  });
}
