// Picture 2: how far each answer moved, against how sure the original was of it.

const KINDS = {
  became: { className: "became", type: "triangle-up", text: "became the stereotyped answer" },
  left: { className: "left", type: "triangle-down", text: "was the stereotyped answer and is no more" },
  same: { className: "same", type: "circle", text: "neither" },
};

function kindOf(point) {
  if (point.base_role !== "stereotype" && point.quantized_role === "stereotype") return "became";
  if (point.base_role === "stereotype" && point.quantized_role !== "stereotype") return "left";
  return "same";
}

function usablePoints(model) {
  return (model.points || []).filter((p) => isNumber(p.margin) && isNumber(p.stereotype_shift));
}

function meanSize(points) {
  return points.length === 0 ? NaN : points.reduce((sum, p) => sum + Math.abs(p.stereotype_shift), 0) / points.length;
}

function shiftSentence(model) {
  const all = usablePoints(model).sort((a, b) => a.margin - b.margin);
  if (all.length === 0) return "No question here has a stereotyped option and another person's, so no direction can be measured.";
  if (all.every((p) => p.stereotype_shift === 0)) return "No answer moved: all odds are what they were before.";
  const e = model.all.stereotype_shift;
  const direction = clearlyAbove(e) ? "On average, answers move toward the stereotype" :
    clearlyBelow(e) ? "On average, answers move away from the stereotype" : "On average, answers move in no clear direction";
  const became = all.filter((p) => kindOf(p) === "became").length, left = all.filter((p) => kindOf(p) === "left").length;
  let text = `${direction} (odds ${factor(e.value)}${hasInterval(e) ? `, ${levelText()} interval ${range(e, factor)}` : ""}): ${count(became, "answer became", "answers became")} the stereotyped one, ` +
    `${left} stopped being it. `;
  const third = Math.floor(all.length / 3);
  if (third >= 10) {
    const unsure = meanSize(all.slice(0, third)), sure = meanSize(all.slice(-third));
    const more = unsure > 1.2 * sure ? "moved most" : sure > 1.2 * unsure ? "moved least" : "moved about as much as the others";
    text += `The third of which the original was least sure ${more}: odds change by a typical factor of ${factor(unsure)}, ` +
      `against ${factor(sure)} in the third of which it was surest.`;
  }
  return text;
}

// Ticks at factors that people know: 2, 10 or larger powers.
function factorTicks(limit) {
  const bases = [2, 4, 10, 100, 1e4, 1e8];
  const base = bases.find((b) => limit / Math.log(b) <= 4) || 1e16;
  const step = Math.log(base), ticks = [];
  for (let k = -Math.floor(limit / step); k <= Math.floor(limit / step); ++k) ticks.push(k * step);
  return ticks;
}

function factorTick(v) {
  return Math.abs(v) < 1e-9 ? "same" : factor(v).replace(/\.0$/, "");
}

// The middle confidence of each tenth of the points: where the tenth's mean is drawn.
function tenthCentre(points, tenth) {
  const sorted = points.map((p) => p.margin).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(((tenth - 0.5) / 10) * sorted.length))];
}

function drawShift(model, svg, width) {
  const margin = { top: 30, right: 24, bottom: 48, left: 58 }, height = 360;
  const points = usablePoints(model);
  const w = width - margin.left - margin.right, h = height - margin.top - margin.bottom;
  const sizes = points.map((p) => Math.abs(p.stereotype_shift)).sort((a, b) => a - b);
  // The farthest hundredth is drawn at the edge, so that a single answer does not flatten all others.
  const limit = 1.08 * Math.max(Math.log(2), sizes[Math.floor(0.99 * (sizes.length - 1))] || 0);
  const clip = (v) => Math.max(-limit, Math.min(limit, v));
  const x = d3.scale.linear().domain([0, Math.max(0.05, d3.max(points, (p) => p.margin) || 1)]).nice().range([0, w]);
  const y = d3.scale.linear().domain([-limit, limit]).range([h, 0]);
  const { inner } = frame(svg, { width, height, margin, x, y, xTicks: width < 500 ? 4 : 8, xFormat: (v) => percent(v, x.domain()[1] < 0.1 ? 1 : 0),
    yValues: factorTicks(limit), yFormat: factorTick, yLabel: "Odds of the stereotyped answer against the other person",
    xLabel: "How sure the original was: lead of its answer over the next" });
  inner.append("line").attr("class", "zero").attr("x1", 0).attr("x2", w).attr("y1", y(0)).attr("y2", y(0));
  const marks = [];
  for (const kind of ["same", "left", "became"]) {
    for (const p of points.filter((q) => kindOf(q) === kind)) {
      const at = [x(p.margin), y(clip(p.stereotype_shift))];
      symbol(inner, `dot ${KINDS[kind].className}`, KINDS[kind].type, kind === "same" ? 22 : 52, ...at);
      marks.push({ x: margin.left + at[0], y: margin.top + at[1], text: `${p.id}: odds ${factor(p.stereotype_shift)}, ` +
        `original ahead by ${percent(p.margin)}; ${roleName(p.base_role)} → ${roleName(p.quantized_role)}` });
    }
  }
  const tenths = (model.margin_deciles || []).filter((s) => hasInterval(s.stereotype_shift) && isNumber(Number(s.name)))
    .map((s) => ({ at: x(tenthCentre(points, Number(s.name))), e: s.stereotype_shift, name: s.name }))
    .sort((a, b) => a.at - b.at);
  if (points.length >= 30) {
    inner.append("path").attr("class", "trend mean").attr("d", d3.svg.line().x((t) => t.at).y((t) => y(clip(t.e.value)))(tenths));
    for (const t of tenths) {
      whisker(inner, "whisker mean", t.at, y(clip(t.e.high)), t.at, y(clip(t.e.low)));
      symbol(inner, "dot mean", "square", 60, t.at, y(clip(t.e.value)));
      marks.push({ x: margin.left + t.at, y: margin.top + y(clip(t.e.value)),
        text: `Tenth number ${t.name} by confidence: mean odds ${withInterval(t.e, factor)}` });
    }
  }
  return { height, marks };
}

function shiftPicture(model, id) {
  const points = usablePoints(model);
  const shown = isNumber(model.points_of) && model.points_of > (model.points || []).length ?
    ` ${points.length} of ${model.points_of} questions are drawn, chosen at random.` : "";
  return picture({
    id: `${id}-shift`, sentence: shiftSentence(model), empty: points.length === 0,
    label: `Change of the odds of the stereotyped answer against the original's confidence, for ${model.name}.`,
    legend: legendOf(Object.values(KINDS).map((k) => [`dot ${k.className}`, k.type, k.text])
      .concat([["dot mean", "square", "mean of a tenth of the questions"]])),
    draw: (svg, width) => drawShift(model, svg, width),
    reading: "Every mark is a question. Above the line, quantization made the stereotyped answer likelier compared with the other person; " +
      "below, less likely. ×2 means that the odds doubled. Left are questions of which the original was unsure: there, a small push changes " +
      "the answer. A harmless quantization shows a cloud around the line; a biased one lifts the squares above it." + shown,
    numbers: table("Mean shift by confidence of the original, 1 = least sure", [
      { title: "Tenth", cell: (s) => foreign(s.name) },
      { title: "Mean change of odds", number: true, cell: (s) => shortInterval(s.stereotype_shift, factor) },
      { title: "Questions", number: true, cell: (s) => s.stereotype_shift.n },
    ], (model.margin_deciles || []).slice().sort((a, b) => Number(a.name) - Number(b.name))),
  });
}
