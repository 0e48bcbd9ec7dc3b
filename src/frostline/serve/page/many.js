// Many texts: a file or lines in, columns chosen, sent a few at a time, a table that can be saved.

import { byId, count, grouped, make, notice, quoted, save, seconds, show } from "./dom.js";
import { Refused } from "./api.js";
import { answerText, isSets, nameOf } from "./answers.js";
import { csvParts, firstRowIsNames, jsonParts, likelyText, parse, readFile } from "./files.js";
import { sendAll } from "./sending.js";
import { Answers, differs } from "./table.js";

const REDRAW_MS = 400;
const STEP = 32;

let model = null;
let limits = { texts: STEP, characters: 100_000 };
let explain = () => {};
let running = null; // AbortController of what is being sent

export function useModel(chosen, allowed) {
  model = chosen; // what was answered so far stays: it names its own model
  limits = { ...limits, ...allowed };
  running?.abort(new DOMException("another model", "AbortError"));
}

function reset() {
  show(byId("heard"));
  show(byId("job"));
  byId("drop").hidden = false;
}

export function start(given) {
  explain = given.explain;
  const drop = byId("drop");
  byId("file").addEventListener("change", event => { if (event.target.files[0]) take(() => readFile(event.target.files[0]), event.target.files[0].name); event.target.value = ""; });
  byId("take").addEventListener("click", () => take(() => parse(byId("lines").value, "lines.txt"), "lines.txt"));
  const mark = isOver => drop.classList.toggle("over", isOver);
  for (const [name, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false]]) drop.addEventListener(name, event => { event.preventDefault(); mark(isOver); });
  for (const name of ["dragover", "drop"]) addEventListener(name, event => event.preventDefault()); // beside the card: no file opens in the page's place
  drop.addEventListener("drop", event => {
    event.preventDefault();
    mark(false);
    const [file] = event.dataTransfer.files;
    if (file) take(() => readFile(file), file.name);
  });
  addEventListener("beforeunload", event => { if (running) event.preventDefault(); });
}

async function take(open, name) {
  show(byId("job"));
  show(byId("heard"), make("p", { class: "busy" }, "Reading the file…"));
  try {
    const table = await open();
    show(byId("heard"));
    chooseColumns(table, name);
  } catch (error) {
    show(byId("heard"), notice(error));
  }
}

// --- which columns

function chooseColumns(table, fileName) {
  byId("drop").hidden = true;
  const hasNames = make("input", { type: "checkbox", id: "has-names", checked: table.names === null && firstRowIsNames(table.rows) });
  const text = make("select", { id: "text-column" });
  const truth = make("select", { id: "truth-column" });
  const preview = make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "The first rows" });
  const heard = make("p", { class: "quiet", role: "status" });
  const now = () => {
    const isNamed = table.names === null && hasNames.checked;
    const rows = isNamed ? table.rows.slice(1) : table.rows;
    const given = table.names ?? (isNamed ? table.rows[0] : []);
    return { rows, names: Array.from({ length: table.width }, (_, place) => given[place] || `column ${place + 1}`) };
  };
  const draw = () => {
    const { rows, names } = now();
    const picked = likelyText(names, rows);
    show(text, names.map((name, place) => make("option", { value: place, selected: place === picked }, name)));
    show(truth, make("option", { value: -1 }, "none"), names.map((name, place) => make("option", { value: place }, name)));
    show(preview, make("table", {}, make("caption", {}, "The first rows"), make("thead", {}, make("tr", {}, names.map(name => quoted(name, "th", { scope: "col" })))),
      make("tbody", {}, rows.slice(0, 3).map(cells => make("tr", {}, names.map((_, place) => quoted((cells[place] ?? "").slice(0, 160), "td")))))));
    show(heard, `${fileName}: ${count(rows.length, "row")}. ${table.notes.join(" ")}`);
  };
  hasNames.addEventListener("change", draw);
  draw();
  const go = make("button", { type: "button", class: "main" }, "Classify");
  go.addEventListener("click", () => {
    const { rows, names } = now();
    begin({ rows, names, text: Number(text.value), truth: Number(truth.value), fileName });
  });
  const one = table.width === 1;
  show(byId("job"), make("section", { "aria-label": "Columns" }, make("h2", {}, "What to classify"), heard,
    table.names === null ? make("label", { class: "check" }, hasNames, "The first row holds the names of the columns") : null,
    one ? null : make("div", { class: "fields" },
      make("div", {}, make("label", { for: "text-column" }, "Texts are in"), text),
      make("div", {}, make("label", { for: "truth-column" }, "Known labels, to compare with"), truth)),
    preview, make("div", { class: "row" }, go, make("button", { type: "button", onclick: () => { reset(); byId("file").focus(); } }, "Take another file"))));
  go.focus();
}

// --- sending

function localFault(text) {
  if (!text.trim()) return "The text is empty: it was not sent.";
  if (text.length > limits.characters && [...text].length > limits.characters) return `Longer than ${count(limits.characters, "letter")}: it was not sent.`;
  return null;
}

function begin({ rows, names, text, truth, fileName }) {
  const of = (cells, place) => cells[place] ?? "";
  const job = {
    model, names, fileName, hasTruth: truth >= 0, spentS: 0,
    rows: rows.map((cells, place) => ({ number: place + 1, cells, text: of(cells, text), truth: truth >= 0 ? of(cells, truth).trim() : "", found: null })),
  };
  for (const row of job.rows) {
    const fault = localFault(row.text);
    if (fault) row.found = { fault, labels: [], shares: new Map() };
  }
  const parts = { bar: make("progress", { max: job.rows.length, value: 0, "aria-label": "Texts classified" }), pace: make("p", { class: "quiet" }), said: make("div", { role: "status" }), buttons: make("div", { class: "row" }), end: make("div"), table: make("div") };
  show(byId("job"), make("section", { "aria-label": "Answers" }, make("h2", {}, "Answers of ", quoted(model.name)), parts.bar, parts.pace, parts.said, parts.buttons, parts.end), make("section", { "aria-label": "Table" }, parts.table));
  job.table = new Answers(parts.table, job.rows, { explain, hasTruth: job.hasTruth });
  send(job, parts);
}

async function send(job, parts) {
  const control = new AbortController();
  running = control;
  const left = job.rows.filter(row => row.found === null);
  const started = performance.now();
  let drawAt = 0;
  const tell = isLast => {
    const done = job.rows.filter(row => row.found !== null).length;
    const timeS = job.spentS + (performance.now() - started) / 1000;
    const sent = left.filter(row => row.found !== null).length;
    const paceS = sent ? (performance.now() - started) / 1000 / sent : 0;
    parts.bar.value = done;
    const begun = performance.now();
    if (!isLast && begun < drawAt) return;
    show(parts.pace, `${grouped(done)} of ${count(job.rows.length, "text")}, ${seconds(timeS)}${isLast || !paceS ? "" : `, about ${seconds(paceS * (left.length - sent))} left`}`);
    job.table.kinds();
    job.table.draw();
    drawAt = performance.now() + Math.max(REDRAW_MS, 10 * (performance.now() - begun)); // of many rows seldom
  };
  const stop = make("button", { type: "button", onclick: () => control.abort(new DOMException("stopped", "AbortError")) }, "Stop");
  show(parts.buttons, stop);
  show(parts.end);
  show(parts.said, make("p", { class: "busy" }, "Classifying…"));
  if (document.activeElement === document.body) stop.focus();
  tell(false);
  let problem = null;
  try {
    await sendAll(job.model.name, left.map(row => row.text), {
      most: Math.min(STEP, limits.texts), signal: control.signal,
      onAnswers: pairs => { for (const [place, found] of pairs) left[place].found = found; show(parts.said, make("p", { class: "busy" }, "Classifying…")); tell(false); },
      onWait: (waitS, error) => show(parts.said, make("p", { class: "busy" }, error.waiting(waitS))),
    });
  } catch (error) {
    problem = control.signal.aborted ? { message: "Stopped.", hint: "What was answered so far stays." } : error instanceof Refused ? error : { message: String(error.message ?? error), hint: "" };
  }
  if (running === control) running = null;
  job.spentS += (performance.now() - started) / 1000;
  tell(true);
  end(job, parts, problem);
}

function end(job, parts, problem) {
  const again = make("button", { type: "button", class: "main", onclick: () => send(job, parts) }, "Go on");
  const other = make("button", { type: "button", onclick: () => { reset(); byId("file").focus(); } }, "Another file");
  show(parts.said, problem ? notice(problem) : summary(job));
  show(parts.buttons, problem ? again : null, other);
  show(parts.end, downloads(job));
  if (document.activeElement === document.body) (problem ? again : other).focus();
}

function summary(job) {
  const good = job.rows.filter(row => !row.found.fault);
  const tally = new Map();
  for (const row of good) for (const name of row.found.given && row.found.labels.length ? row.found.labels : [answerText(row.found)]) tally.set(name, (tally.get(name) ?? 0) + 1);
  const ranked = [...tally].sort((one, other) => other[1] - one[1]);
  const named = ranked.slice(0, 8).flatMap(([name, n], place) => [place ? ", " : "", quoted(name), ` ${grouped(n)}`]);
  const lines = [[`${count(good.length, "text")} classified in ${seconds(job.spentS)}: `, ...named, ranked.length > 8 ? ` and ${ranked.length - 8} more labels` : "", "."]];
  const bad = job.rows.length - good.length;
  if (bad) lines.push([`${count(bad, "row")} could not be classified: choose “fault” under Show to see why.`]);
  const cut = good.filter(row => row.found.isCut).length;
  if (cut) lines.push([`${count(cut, "text")} ${cut === 1 ? "was" : "were"} longer than the model reads: judged by the beginning.`]);
  if (job.hasTruth) {
    const known = good.filter(row => row.found.given && row.truth);
    const right = known.filter(row => !differs(row)).length;
    if (known.length) lines.push([`${grouped(right)} of ${count(known.length, "answer")} with a known label agree${right === 1 ? "s" : ""} with it (${((100 * right) / known.length).toFixed(1)} %).`]);
  }
  return lines.map(line => make("p", {}, ...line));
}

// --- saving

function downloads(job) {
  const isSafe = make("input", { type: "checkbox", id: "safe", checked: true });
  const stem = `${job.fileName.replace(/(\.[a-z]+){1,2}$/i, "") || "texts"}-labelled`;
  const asCsv = () => save([...csvParts(header(job), cellsOf(job), { isSafe: isSafe.checked })], `${stem}.csv`, "text/csv;charset=utf-8");
  const asJson = () => save([...jsonParts(documentsOf(job))], `${stem}.jsonl`, "application/jsonl");
  return make("div", { class: "row" }, make("button", { type: "button", onclick: asCsv }, "Save as CSV"), make("button", { type: "button", onclick: asJson }, "Save as JSON Lines"),
    make("label", { class: "check" }, isSafe, "Safe for spreadsheets: an apostrophe before what would be a formula (CSV)"));
}

const labelNames = job => job.model.labels.map(nameOf);

function header(job) {
  const taken = new Set(job.names);
  const free = name => { let one = name; while (taken.has(one)) one += "_"; taken.add(one); return one; };
  const answer = isSets(job.model) ? ["labels", "answered"] : ["label", "probability"];
  return [...job.names, ...[...answer, "cut", "fault", ...labelNames(job).map(name => `p(${name})`)].map(free)];
}

function* cellsOf(job) {
  for (const { cells, found } of job.rows) {
    const padded = job.names.map((_, place) => cells[place] ?? "");
    const labels = found && found.given ? found.labels : [];
    const isGood = found && !found.fault;
    const answer = isSets(job.model) ? [labels.join(","), isGood ? String(found.given) : ""] : [labels[0] ?? "", isGood ? found.shares.get(labels[0] ?? found.best) : null];
    yield [...padded, ...answer, isGood ? String(found.isCut) : "", found?.fault ?? (found ? "" : "not sent"), ...labelNames(job).map(name => (isGood ? found.shares.get(name) : null))];
  }
}

function* documentsOf(job) {
  for (const { cells, found } of job.rows) {
    const row = Object.fromEntries(job.names.map((name, place) => [name, cells[place] ?? ""]));
    if (!found || found.fault) { yield { row, fault: found?.fault ?? "not sent" }; continue; }
    const answer = isSets(job.model) ? { labels: found.given ? found.labels : null } : { label: found.given ? found.labels[0] : null };
    yield { row, ...answer, probabilities: Object.fromEntries(found.shares), cut: found.isCut };
  }
}
