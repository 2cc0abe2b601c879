// Picture 3: which groups of people are hit, each with its interval.

const FOREST_ROWS = 30;

function forestRows(model) {
  const usable = (slices) => (slices || []).filter((s) => hasInterval(s.excess_emergence));
  const byExcess = (a, b) => b.excess_emergence.value - a.excess_emergence.value;
  const categories = usable(model.categories).sort(byExcess);
  // Where the most questions are comes first; the table has every group.
  const groups = usable(model.groups).sort((a, b) => b.excess_emergence.n - a.excess_emergence.n)
    .slice(0, Math.max(0, FOREST_ROWS - categories.length)).sort(byExcess);
  return { categories, groups, left: usable(model.groups).length - groups.length };
}

// Enough ambiguous questions with a stereotyped option; a slice counts its other items too.
function isFirm(slice) {
  const least = ((report.provenance || {}).options || {}).minimum_items;
  return !slice.too_small && slice.excess_emergence.n >= (isNumber(least) ? least : 30);
}

function forestSentence(model) {
  const { categories, groups } = forestRows(model);
  const measured = groups.concat(categories);
  if (measured.length === 0) return "No subject or group has enough ambiguous questions for an interval, so they cannot be compared.";
  const firmGroups = groups.filter(isFirm), firmSubjects = categories.filter(isFirm);
  const from = [firmGroups, firmSubjects, categories, groups].find((slices) => slices.length > 0);
  const worst = from.reduce((a, b) => (b.excess_emergence.value > a.excess_emergence.value ? b : a));
  const clear = from.filter((s) => clearlyAbove(s.excess_emergence)).length;
  const what = from === firmGroups || from === groups ? "group" : "subject";
  const small = firmGroups.length > 0 ? "" : firmSubjects.length > 0 ? "Single groups have too few questions to be judged. " :
    "No group or subject has enough questions to be judged on its own; what follows is a hint at most. ";
  const many = clear > 0 && from.length >= 20 ? ` Of ${from.length} intervals, ${Math.round(from.length / 40)} or so would be above by luck.` : "";
  return `${small}Hit most by new stereotyped answers: ${worst.name}, ${withInterval(worst.excess_emergence, points)}. ` +
    `${clear === 0 ? `No ${what} is` : `${clear} of ${count(from.length, what, what + "s")} ${clear === 1 ? "is" : "are"}`} clearly above zero.${many}`;
}

function drawForest(model, svg, width) {
  const { categories, groups } = forestRows(model);
  const rows = [];
  if (categories.length > 0) rows.push({ title: "Subjects" }, ...categories.map((slice) => ({ slice })));
  if (groups.length > 0) rows.push({ title: "Groups of people" }, ...groups.map((slice) => ({ slice })));
  const line = 24, narrow = width < 560;
  const names = narrow ? 112 : 210, figures = narrow ? 0 : 160;
  const margin = { top: 12, right: 14 + figures, bottom: 48, left: names + 8 }, height = margin.top + margin.bottom + line * rows.length;
  const w = width - margin.left - margin.right;
  const limit = ((report.provenance || {}).thresholds || {}).worst_group_excess_emergence;
  const ends = rows.filter((r) => r.slice).flatMap((r) => [r.slice.excess_emergence.low, r.slice.excess_emergence.high]);
  const x = d3.scale.linear().domain([Math.min(0, ...ends), Math.max(0.02, limit || 0, ...ends)]).nice().range([0, w]);
  const { inner, h } = frame(svg, { width, height, margin, x, xTicks: narrow ? 4 : 7, xFormat: (v) => signed(fixed(100 * v, 0)),
    xLabel: narrow ? "Points beyond chance" : "New stereotyped answers beyond chance, in points" });
  inner.append("line").attr("class", "zero").attr("x1", x(0)).attr("x2", x(0)).attr("y1", 0).attr("y2", h);
  if (isNumber(limit)) inner.append("line").attr("class", "limit").attr("x1", x(limit)).attr("x2", x(limit)).attr("y1", 0).attr("y2", h);
  const marks = [];
  rows.forEach((row, i) => {
    const y = line * (i + 0.5);
    const name = inner.append("text").attr("x", -10).attr("y", y).attr("dy", "0.33em").attr("text-anchor", "end");
    if (row.title) {
      name.attr("class", "label heading").attr("x", -margin.left + 4).attr("text-anchor", "start").text(row.title);
      return;
    }
    const e = row.slice.excess_emergence, pale = isFirm(row.slice) ? "" : " pale";
    name.attr("class", `tick${pale}`).text(short(row.slice.name, Math.floor(names / 7.6)));
    whisker(inner, `whisker found${pale}`, x(e.low), y, x(e.high), y);
    symbol(inner, `dot found${pale}`, "square", 30 + Math.min(90, 2 * Math.sqrt(e.n) * 3), x(e.value), y);
    if (figures) {
      inner.append("text").attr("class", `tick${pale}`).attr("x", w + figures).attr("y", y).attr("dy", "0.33em").attr("text-anchor", "end")
        .text(`${signed(fixed(100 * e.value, 1))} (${fixed(100 * e.low, 1)} to ${fixed(100 * e.high, 1)})`);
    }
    marks.push({ x: margin.left + x(e.value), y: margin.top + y,
      text: `${row.slice.name}: ${withInterval(e, points)}, ${count(e.n, "question", "questions")}` });
  });
  return { height, marks };
}

function forestPicture(model, id) {
  const { categories, groups, left } = forestRows(model);
  const limit = ((report.provenance || {}).thresholds || {}).worst_group_excess_emergence;
  const more = left > 0 ? ` ${left} groups with fewer questions are in the table only.` : "";
  return picture({
    id: `${id}-groups`, sentence: forestSentence(model), empty: categories.length + groups.length === 0,
    label: `New stereotyped answers beyond chance by group, for ${model.name}.`,
    legend: legendOf([["dot found", "square", "enough questions to be judged"], ["dot found pale", "square", "few questions: a hint at most"]]
      .concat(isNumber(limit) ? [["limit", "line", `the gate's limit for a group: ${points(limit)}`]] : [])),
    draw: (svg, width) => drawForest(model, svg, width),
    reading: "Each square is the share of new stereotyped answers about this group, minus what chance would give; the bar is its " +
      `${levelText()} interval. A bar that crosses the line at zero shows nothing, however far its square is from it.` + more,
    numbers: null,
  });
}
