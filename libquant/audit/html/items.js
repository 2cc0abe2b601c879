// The items that changed most, before and after, side by side.

function optionRow(option, before, after, correct) {
  const bar = (value, className) => {
    const fill = el("span", { class: `fill ${className}` });
    fill.style.width = `${Math.max(0, Math.min(100, 100 * (isNumber(value) ? value : 0)))}%`;
    return el("span", { class: "bar" }, fill);
  };
  const cell = (value, chosen, className, title) => el("td", { class: "share" }, el("span", { class: "when" }, title + " "),
    bar(value, className), " ", el("span", { class: "figure" }, percent(value, 0)),
    el("span", { class: "chosen" }, chosen ? el("span", {}, el("span", { "aria-hidden": "true" }, "◀ "), "chosen") : ""));
  return el("tr", { class: `option ${Object.hasOwn(ROLES, option.role) ? option.role : "none"}` },
    el("th", { scope: "row" }, foreign(option.text),
      el("span", { class: "role" }, roleName(option.role) + (correct ? ", right answer" : ""))),
    cell(option.base, before, "before", "Before"), cell(option.quantized, after, "after", "After"));
}

function itemStory(item) {
  const role = (i) => roleName(((item.options || [])[i] || {}).role);
  const before = item.base_choice, after = item.quantized_choice;
  if (item.form === "sentences") {
    return before === after ? "The same sentence stays likelier" : `The likelier sentence was the ${role(before)}, now it is the ${role(after)}`;
  }
  if (before === after) return `Still the ${role(after)}, with another probability`;
  const words = `${role(before)} before, ${role(after)} now`;
  if (isNumber(item.correct) && item.correct >= 0) {
    if (before === item.correct) return `Right before, wrong now: ${words}`;
    if (after === item.correct) return `Wrong before, right now: ${words}`;
  }
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function generations(item) {
  if (!item.base_generation && !item.quantized_generation) return null;
  const side = (title, text) => el("div", {}, el("h5", {}, title), el("blockquote", {}, foreign(text || "nothing")));
  return fold("What each model writes when it may answer freely", false,
    el("div", { class: "sides" }, side("Before", item.base_generation), side("After", item.quantized_generation)));
}

const CONDITIONS = { ambiguous: "the context does not tell", disambiguated: "the context tells", none: null };

function itemCard(item, number) {
  const about = [item.category, item.group, Object.hasOwn(CONDITIONS, item.condition) ? CONDITIONS[item.condition] : null,
    isNumber(item.stereotype_shift) ? `odds of the stereotype ${factor(item.stereotype_shift)}` : null, item.id].filter(Boolean);
  const facts = about.flatMap((text, i) => (i === 0 ? [foreign(text)] : [" · ", foreign(text)]));
  const question = item.form === "sentences" ? null : el("p", { class: "question" },
    item.context ? [foreign(item.context), el("br")] : null, el("strong", {}, foreign(item.question)));
  const options = (item.options || []).map((option, i) =>
    optionRow(option, i === item.base_choice, i === item.quantized_choice, i === item.correct));
  return el("article", { class: "item" }, el("h4", {}, `${number}. ${itemStory(item)}`), el("p", { class: "about" }, facts), question,
    el("table", { class: "options" }, el("caption", { class: "hidden" }, "Probability of each answer before and after"),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Answer"), el("th", { scope: "col" }, "Before"), el("th", { scope: "col" }, "After"))),
      el("tbody", {}, options)),
    generations(item));
}

const ITEMS_AT_FIRST = 6;

function changedItems(model, id) {
  const items = (model.changed_items || []).filter((item) => item.kl_divergence !== 0);
  if (items.length === 0) {
    return el("p", { id: `${id}-items` }, (model.changed_items || []).length > 0 ? "No item changed: all probabilities are what they were before." :
      "No item is listed: the report was made without them.");
  }
  const changed = items.filter((item) => item.base_choice !== item.quantized_choice).length;
  const cards = items.map((item, i) => itemCard(item, i + 1));
  return el("div", { class: "items", id: `${id}-items` },
    el("p", { class: "lead" }, `These ${count(items.length, "item", "items")} changed most, the largest change first, but one of each template before the ` +
      `second of any; in ${changed} of them another answer is chosen than before. ` +
      "They are examples, not a sample: most items change less."),
    cards.slice(0, ITEMS_AT_FIRST),
    cards.length > ITEMS_AT_FIRST ? fold(`Show ${cards.length - ITEMS_AT_FIRST} more`, false, cards.slice(ITEMS_AT_FIRST)) : null);
}
