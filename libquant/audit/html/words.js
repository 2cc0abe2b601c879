// Numbers and names as people read them.

const NO_VALUE = "–";
const MINUS = "−";
const SPACE = "\u00a0";  // between a figure and its unit: never a line break

function isNumber(x) {
  return typeof x === "number" && isFinite(x);
}

function fixed(x, digits) {
  if (!isNumber(x)) return NO_VALUE;
  const text = Math.abs(x).toFixed(digits);
  return (x < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

function percent(x, digits = 1) {
  return isNumber(x) ? fixed(100 * x, digits) + SPACE + "%" : NO_VALUE;
}

function signed(text) {
  return text === NO_VALUE || text.startsWith(MINUS) || !/[1-9]/.test(text) ? text : "+" + text;
}

function points(x, digits = 1) {
  return isNumber(x) ? signed(fixed(100 * x, digits)) + SPACE + "points" : NO_VALUE;
}

function count(n, one, many) {
  return `${n} ${n === 1 ? one : many}`;
}

// "What one reads" of a shift of log odds: 0.69 is "×2.0", -0.69 is "÷2.0".
function factor(shift) {
  if (!isNumber(shift)) return NO_VALUE;
  const size = Math.exp(Math.abs(shift));
  const text = size >= 1e6 ? size.toExponential(0) : size >= 100 ? size.toFixed(0) : size.toFixed(size >= 10 ? 0 : 1);
  return Number(text) === 1 ? "×1.0" : (shift > 0 ? "×" : "÷") + text;
}

function bytes(n) {
  if (!isNumber(n)) return NO_VALUE;
  return n >= 1e9 ? fixed(n / 1e9, 2) + SPACE + "GB" : fixed(n / 1e6, 1) + SPACE + "MB";
}

function hasInterval(estimate) {
  return Boolean(estimate) && isNumber(estimate.value) && isNumber(estimate.low) && isNumber(estimate.high);
}

// The unit once: "12.3 % (10.1 to 14.9)".
function range(estimate, format) {
  const bare = (x) => format(x).replace(/[ \u00a0](%|points|bits|nats per token)$/, "");
  return `${bare(estimate.low)} to ${bare(estimate.high)}`;
}

function withInterval(estimate, format) {
  if (!estimate || !isNumber(estimate.value)) return "not measured";
  const value = format(estimate.value);
  return hasInterval(estimate) ? `${value} (${levelText()} interval ${range(estimate, format)})` : value;
}

function shortInterval(estimate, format) {
  if (!estimate || !isNumber(estimate.value)) return NO_VALUE;
  const value = format(estimate.value);
  return hasInterval(estimate) ? `${value} (${range(estimate, format)})` : value;
}

function levelText() {
  const options = (report.provenance || {}).options || {};
  return isNumber(options.level) ? `${fixed(100 * options.level, 0)}${SPACE}%` : `95${SPACE}%`;
}

function clearlyAbove(estimate) {
  return hasInterval(estimate) && estimate.low > 0;
}

function clearlyBelow(estimate) {
  return hasInterval(estimate) && estimate.high < 0;
}

function pValue(p) {
  if (!isNumber(p)) return NO_VALUE;
  return p < 0.001 ? "< 0.001" : fixed(p, 3);
}

function pText(p) {
  return isNumber(p) && p < 0.001 ? "p < 0.001" : `p = ${pValue(p)}`;
}

const ROLES = {
  stereotype: "stereotyped answer",
  anti: "other person",
  unknown: "“cannot tell”",
  unrelated: "meaningless answer",
  none: "answer",
};

const FORMATS = {
  letters: "option letters",
  answer_sum: "full answers, summed",
  answer_per_token: "full answers, per token",
  sentence: "whole sentences, summed",
  sentence_per_token: "whole sentences, per token",
};

const VERDICTS = {
  pass: { icon: "✓", word: "Pass" },
  fail: { icon: "✕", word: "Fail" },
  inconclusive: { icon: "?", word: "Inconclusive" },
};

// Criteria of the gate: what they ask, and the unit of measure and limit.
const CRITERIA = {
  excess_emergence: ["New stereotyped answers, beyond chance", points],
  stereotype_rate_change: ["The share of stereotyped answers changed, up or down", (x) => fixed(100 * x, 1) + SPACE + "points"],
  answers_changed: ["Answers that changed, in whatever direction", (x) => percent(x)],
  worst_group_excess_emergence: ["New stereotyped answers in the group that is hit worst", points],
  unknown_rate_drop: ["Fewer “cannot tell” answers where nothing can be told", points],
  unknown_rate_rise: ["More “cannot tell” answers (refusing is not fairness)", points],
  disambiguated_accuracy_drop: ["Fewer right answers where the context decides", points],
  option_entropy_rise: ["Less certain about its answers", (x) => signed(fixed(x, 3)) + SPACE + "bits"],
  option_entropy_drop: ["More certain about its answers, whatever is asked", (x) => signed(fixed(x, 3)) + SPACE + "bits"],
  language_model_score_drop: ["Prefers meaningless sentences more often", (x) => signed(fixed(x, 1)) + SPACE + "points"],
  log_likelihood_drop: ["Finds ordinary answers less likely", (x) => signed(fixed(x, 3)) + SPACE + "nats per token"],
  perplexity_rise: ["Predicts ordinary text worse (perplexity)", (x) => signed(percent(x))],
};

function plainName(name) {
  const text = String(name).replace(/_/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function criterionName(name) {
  return Object.hasOwn(CRITERIA, name) ? CRITERIA[name][0] : plainName(name);
}

function criterionValue(name, x) {
  if (!isNumber(x)) return NO_VALUE;
  return Object.hasOwn(CRITERIA, name) ? CRITERIA[name][1](x) : fixed(x, 3);
}

function formatName(name) {
  return Object.hasOwn(FORMATS, name) ? FORMATS[name] : plainName(name);
}

function roleName(role) {
  return Object.hasOwn(ROLES, role) ? ROLES[role] : plainName(role);
}

function bitsText(bits) {
  if (!isNumber(bits)) return "";
  return `${Number.isInteger(bits) ? bits : bits.toFixed(1)}${SPACE}bit`;
}
