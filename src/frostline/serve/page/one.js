// One text: the answer at once, then why: the words that carried it, its neighbours, its pieces.

import { byId, count, make, notice, percent, quoted, show, signed } from "./dom.js";
import { classify, explain, patiently } from "./api.js";
import { answerText, isSets, nameOf, read } from "./answers.js";

const FEW_LABELS = 8;
const FEW_REST = 400; // letters of what was not read that are shown
const MANY_PIECES = 600;
const NO_LIMIT = 1_000_000; // what a model has as its limit that reads words alone

let current = null; // AbortController of what is under way
let model = null;
let limits = { characters: 100_000 };

export function useModel(chosen, allowed) {
  model = chosen;
  limits = { ...limits, ...allowed };
  current?.abort(new DOMException("another model", "AbortError"));
  show(byId("said"));
  show(byId("answer"), make("p", { class: "quiet" }, "Write or paste a text, and see what the model makes of it and why."));
}

export function start() {
  const form = byId("ask");
  form.addEventListener("submit", event => { event.preventDefault(); ask(byId("text").value); });
  byId("text").addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
  });
}

export function askAbout(text) {
  byId("text").value = text;
  byId("text").focus();
  ask(text);
}

async function ask(text) {
  current?.abort(new DOMException("another text", "AbortError"));
  const control = new AbortController();
  current = control;
  show(byId("answer")); // what was said of another text must not stand below this one
  if (!text.trim()) {
    show(byId("said"), notice({ message: "There is no text yet.", hint: "Write or paste one above." }));
    byId("text").focus();
    return;
  }
  const length = [...text].length;
  if (length > limits.characters) {
    show(byId("said"), notice({ message: `The text has ${count(length, "letter")}; ${count(limits.characters, "letter")} is the most.`, hint: "Shorten it: the model reads only the beginning of a long text." }));
    return;
  }
  show(byId("said"), make("p", { class: "busy" }, "Reading…"));
  const waiting = (waitS, error) => show(byId("said"), make("p", { class: "busy" }, error.waiting(waitS)));
  const options = { signal: control.signal, onWait: waiting };
  try {
    const told = await patiently(() => classify(model.name, [text], control.signal), options);
    const found = read(told.answers[0]);
    if (found.fault) throw Object.assign(new Error(found.fault), { hint: "" });
    const why = make("div", {}, make("section", {}, make("p", { class: "busy" }, "Looking for the words that carried it…")));
    const sure = make("div", {});
    show(byId("answer"), answerSection(found, sure), why);
    show(byId("said"), make("p", { class: "quiet" }, `Answered by ${model.name}${told.version ? `, version ${told.version}` : ""}: `, quoted(answerText(found)), "."));
    await explainInto(why, sure, text, [], options);
  } catch (error) {
    if (control.signal.aborted) return;
    show(byId("said"), notice(error, make("div", { class: "row" }, make("button", { type: "button", onclick: () => ask(text) }, "Try again"))));
  }
}

async function explainInto(place, sure, text, labels, options) {
  try {
    const why = await patiently(() => explain(model.name, text, labels, options.signal), options);
    if (why.likeness !== undefined && why.likeness !== null) show(sure, likenessLine(why.likeness));
    const again = async label => {
      show(place, make("section", {}, make("p", { class: "busy", role: "status" }, "Looking for the words…")));
      await explainInto(place, sure, text, [label], options);
      byId("of-label")?.focus();
    };
    show(place, wordsSection(why, again), nearestSection(why), piecesSection(why));
  } catch (error) {
    if (options.signal.aborted) return;
    const retry = make("button", { type: "button", onclick: () => explainInto(place, sure, text, labels, options) }, "Try again");
    show(place, make("section", {}, make("h2", {}, "Why"), notice(error, make("div", { class: "row" }, retry))));
  }
}

// --- the answer

function answerSection(found, sure) {
  const lead = make("p", { class: "big" });
  if (found.given && found.labels.length) {
    found.labels.forEach((label, place) => lead.append(place ? ", " : "", quoted(label), make("span", { class: "share" }, ` ${percent(found.shares.get(label))}`)));
  } else {
    lead.append(found.given ? "None of the labels" : "No answer");
  }
  return make("section", { "aria-label": "Answer" }, make("h2", {}, "Answer"), lead, make("ul", { class: "plain" }, sureLines(found)), sure, bars(found));
}

function sureLines(found) {
  const share = found.shares.get(found.best);
  const best = quoted(found.best);
  const lines = [];
  if (!found.given) {
    lines.push(["Not sure enough to answer. The most probable label is ", best, ` (${percent(share)}); this model answers from ${percent(model.answers_from)} on${isSets(model) ? ", for all labels together" : ""}.`]);
  } else if (!found.labels.length) {
    lines.push(["No label is probable enough. The nearest is ", best, ` (${percent(share)}).`]);
  } else {
    if (!found.labels.includes(found.best)) lines.push([best, ` is more probable (${percent(share)}); the thresholds of the labels decide otherwise.`]);
    lines.push([model.answers_from > 0 ? `Sure enough: this model answers from ${percent(model.answers_from)} on${isSets(model) ? ", for all labels together" : ""}.` : "This model always answers, however unsure it is: look at the percentage."]);
  }
  if (found.isCut) lines.push([`The text is longer than the ${model.max_length} word pieces that the model reads: its end took no part.`]);
  return lines.map(line => make("li", {}, ...line));
}

function likenessLine(likeness) {
  const isUnlike = likeness <= 0.01;
  const words = isUnlike
    ? `Unlike what it learned from: of texts like those, only ${percent(likeness)} would look as strange. Do not rely on the answer.`
    : `Like what it learned from: of texts like those, ${percent(likeness)} would look as strange or stranger.`;
  return make("p", { class: isUnlike ? "notice wrong" : "quiet" }, words);
}

function bars(found) {
  const body = make("tbody");
  const fill = names => names.forEach(name => {
    const filled = make("div");
    filled.style.width = `${100 * found.shares.get(name)}%`;
    const isGiven = found.labels.includes(name);
    body.append(make("tr", { class: isGiven ? "given" : null },
      make("th", { scope: "row" }, quoted(name)),
      make("td", { "aria-hidden": "true" }, make("div", { class: "bar" }, filled)),
      make("td", { class: "number" }, percent(found.shares.get(name)))));
  });
  const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Label"), make("td", { "aria-hidden": "true" }), make("th", { scope: "col", class: "number" }, "Probability")));
  fill(found.ranked.slice(0, FEW_LABELS));
  const rest = found.ranked.slice(FEW_LABELS);
  const more = rest.length === 0 ? null : make("button", { type: "button", onclick: event => { event.target.remove(); fill(rest); } }, `Show ${count(rest.length, "more label")}`);
  return make("div", {}, make("table", { class: "bars" }, make("caption", {}, "How probable each label is"), head, body), more);
}

// --- why

function wordsSection(why, again) {
  const label = why.explained[0];
  const named = label ? nameOf(label.label) : "";
  const choose = make("select", { id: "of-label", onchange: event => again(model.labels[event.target.selectedIndex]) },
    model.labels.map(one => make("option", { selected: nameOf(one) === named }, nameOf(one))));
  const picking = make("div", { class: "row" }, make("label", { for: "of-label" }, "Words for or against"), choose);
  const head = make("h2", {}, "Which words carried it");
  if (!label || label.words.length === 0) return make("section", {}, head, make("p", {}, "The model found no word to read in this text."));
  const legend = make("p", { class: "quiet legend" }, make("span", { class: "word for s3" }, "speaks for it"), make("span", { class: "word against s3" }, "speaks against it"), "The stronger the colour, the more the answer changes without the word.");
  const untried = why.words.length - label.words.length;
  const more = untried > 0 ? make("p", { class: "quiet" }, `The first ${count(label.words.length, "word")} were tried; ${count(untried, "word")} after them were not.`) : null;
  return make("section", { "aria-label": "Which words carried it" }, head, picking, marked(why, label), legend, more, wordTable(why, label));
}

function marked(why, label) {
  const letters = [...why.text]; // places count letters, as Python does; strings of JavaScript count halves of some
  const between = (from, to) => letters.slice(from, to).join("");
  const most = Math.max(...label.words.map(change => Math.abs(change.log_odds)), 1e-9);
  const place = make("div", { class: "reading", dir: "auto", tabindex: "0", role: "group", "aria-label": "The text, its words marked" });
  let at = 0;
  label.words.forEach((change, number) => {
    const word = why.words[number];
    const strength = Math.abs(change.log_odds) / most;
    const level = strength < 0.12 ? "" : ` ${change.log_odds > 0 ? "for" : "against"} s${Math.min(4, 1 + Math.floor(4 * strength))}`;
    place.append(between(at, word.start), make("span", { class: `word${level}`, title: `${signed(100 * change.probability)} points` }, between(word.start, word.end)));
    at = word.end;
  });
  place.append(between(at, why.seen_to));
  const rest = letters.length - why.seen_to;
  if (why.is_cut && rest > 0) {
    place.append(make("s", { class: "unread" }, between(why.seen_to, why.seen_to + FEW_REST)), rest > FEW_REST ? "…" : "");
    return make("div", {}, place, make("p", { class: "quiet" }, `The last ${count(rest, "letter")} (struck through) took no part.`));
  }
  return place;
}

function wordTable(why, label) {
  const order = label.words.map((_, number) => number).sort((one, other) => Math.abs(label.words[other].log_odds) - Math.abs(label.words[one].log_odds));
  const rows = order.slice(0, 100).map(number => make("tr", {},
    make("th", { scope: "row" }, quoted(why.words[number].text)),
    make("td", { class: "number" }, signed(100 * label.words[number].probability)),
    make("td", { class: "number" }, label.words[number].log_odds.toFixed(2).replace("-", "−"))));
  const head = make("tr", {}, make("th", { scope: "col" }, "Word"), make("th", { scope: "col", class: "number" }, "Points of probability"), make("th", { scope: "col", class: "number" }, "Log-odds"));
  const repeated = label.repeated.map(one => make("p", { class: "quiet" }, quoted(one.text), ` appears ${one.places.length} times: without all of them, ${signed(100 * one.change.probability)} points.`));
  return make("details", {}, make("summary", {}, "Each word in figures"),
    make("p", { class: "quiet" }, "What the answer loses when the text is read again without the word. Words act together, so single effects do not add up."),
    make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Each word in figures" }, make("table", {}, make("caption", {}, "Words, the strongest first, for the label ", quoted(nameOf(label.label))), make("thead", {}, head), make("tbody", {}, rows))), repeated);
}

function nearestSection(why) {
  const head = make("h2", {}, "Nearest training texts");
  if (why.nearest === null) return make("section", {}, head, make("p", { class: "quiet" }, "This model kept none of its training texts. Trained with --keep-neighbours, it can show the nearest."));
  const items = why.nearest.map(near => make("li", {},
    near.labels.length ? near.labels.map(label => quoted(nameOf(label), "bdi", { class: "tag" })) : make("span", { class: "tag" }, "no label"),
    quoted(near.text), make("span", { class: "quiet" }, `  similarity ${near.cosine.toFixed(2)}`)));
  return make("section", {}, head, make("ol", { class: "near" }, items), make("p", { class: "quiet" }, "Similarity 1 is the same to the model, 0 has nothing in common."));
}

function piecesSection(why) {
  const marks = new Set(["[CLS]", "[SEP]", "<s>", "</s>"]);
  const isUnknown = piece => why.unknown_piece !== null && piece === why.unknown_piece;
  const unknown = why.pieces.filter(isUnknown).length;
  const most = model.max_length < NO_LIMIT ? `, of ${model.max_length} at most` : "";
  const lines = [`The text as the model reads it: ${count(why.pieces.length, "word piece")}${most}.`];
  if (unknown) lines.push(`${count(unknown, "piece")} (${why.unknown_piece}) stand${unknown === 1 ? "s" : ""} for what the model cannot spell: it reads one like another.`);
  if (why.is_cut) lines.push("The text was cut there.");
  const items = why.pieces.slice(0, MANY_PIECES).map(piece => quoted(piece, "li", { class: isUnknown(piece) ? "unknown" : marks.has(piece) ? "mark" : null }));
  if (why.is_cut || why.pieces.length > MANY_PIECES) items.push(make("li", { class: "mark" }, "… cut"));
  return make("section", {}, make("h2", {}, "Word pieces"), lines.map(line => make("p", { class: "quiet" }, line)), make("ul", { class: "pieces", tabindex: "0", "aria-label": "Word pieces" }, items));
}
