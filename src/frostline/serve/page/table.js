// The table of answers: sorted by any column, filtered, a page at a time.

import { count, grouped, make, percent, quoted, show } from "./dom.js";
import { answerText, sureness } from "./answers.js";

const PAGE = 50;
const MOST_KINDS = 200; // in the list of what can be shown alone
const SHOWN = 600; // letters of a text in the table
const COLUMNS = [["number", "Row"], ["text", "Text"], ["answer", "Answer"], ["sure", "Probability"]];

export class Answers {
  constructor(place, rows, { explain, hasTruth }) {
    Object.assign(this, { place, rows, explain, hasTruth, by: "number", isDown: false, page: 0, words: "", kind: "all" });
    this.search = make("input", { type: "search", id: "search", autocomplete: "off", oninput: event => { this.words = event.target.value.toLowerCase(); this.page = 0; this.draw(); } });
    this.filter = make("select", { id: "filter", onchange: event => { this.kind = event.target.value; this.page = 0; this.draw(); } });
    this.told = make("p", { class: "quiet", role: "status" });
    this.body = make("div");
    show(place, make("div", { class: "fields" },
      make("div", {}, make("label", { for: "search" }, "Find in texts"), this.search),
      make("div", {}, make("label", { for: "filter" }, "Show"), this.filter)), this.told, this.body);
    this.kinds();
    this.draw();
  }

  // What can be shown alone: each answer there is, and what needs a look.
  kinds() {
    const tally = new Map();
    for (const { found } of this.rows) if (found) tally.set(kindOf(found), (tally.get(kindOf(found)) ?? 0) + 1);
    const options = [["all", "All rows"]];
    const ranked = [...tally].sort((one, other) => other[1] - one[1]).slice(0, MOST_KINDS);
    for (const [kind, n] of ranked) options.push([kind, `${kind.replace(/^= /, "")} (${grouped(n)})`]);
    const cut = this.rows.filter(row => row.found?.isCut).length;
    if (cut) options.push(["cut", `cut: too long (${grouped(cut)})`]);
    const differing = this.hasTruth ? this.rows.filter(row => differs(row)).length : 0;
    if (differing) options.push(["differs", `other than the known label (${grouped(differing)})`]);
    show(this.filter, options.map(([value, name]) => make("option", { value, selected: value === this.kind }, name)));
  }

  shown() {
    const isShown = row => {
      if (this.words && !row.text.toLowerCase().includes(this.words)) return false;
      if (this.kind === "all") return true;
      if (!row.found) return false;
      if (this.kind === "cut") return row.found.isCut;
      return this.kind === "differs" ? differs(row) : kindOf(row.found) === this.kind;
    };
    const key = { number: row => row.number, text: row => row.text, answer: row => (row.found ? answerText(row.found) : null), sure: row => (row.found ? sureness(row.found) : null), truth: row => row.truth }[this.by];
    const compare = (one, other) => {
      const [left, right] = [key(one), key(other)];
      if (left === null || right === null) return (left === null) - (right === null) || one.number - other.number; // those without stay last
      const way = typeof left === "number" ? left - right : left < right ? -1 : left > right ? 1 : 0;
      return (this.isDown ? -way : way) || one.number - other.number;
    };
    const rows = this.rows.filter(isShown);
    return this.by === "number" && !this.isDown ? rows : rows.sort(compare);
  }

  draw() {
    const rows = this.shown();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    this.page = Math.min(this.page, pages - 1);
    const focused = document.activeElement?.dataset?.part;
    show(this.told, rows.length === this.rows.length ? `${count(rows.length, "row")}.` : `${grouped(rows.length)} of ${count(this.rows.length, "row")}.`);
    const columns = this.hasTruth ? [...COLUMNS, ["truth", "Known label"]] : COLUMNS;
    const head = columns.map(([name, title]) => {
      const isBy = this.by === name;
      const sort = () => { this.isDown = isBy ? !this.isDown : name === "sure"; this.by = name; this.page = 0; this.draw(); };
      return make("th", { scope: "col", role: "columnheader", class: name, "aria-sort": isBy ? (this.isDown ? "descending" : "ascending") : null },
        make("button", { type: "button", "data-part": `by-${name}`, onclick: sort }, title, make("span", { "aria-hidden": "true" }, isBy ? (this.isDown ? " ▾" : " ▴") : "")));
    });
    const lines = rows.slice(this.page * PAGE, (this.page + 1) * PAGE).map(row => this.line(row));
    const table = make("table", { class: "results", role: "table" }, make("caption", {}, "Answers; press a column's name to sort by it"), make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, head, make("td", { role: "cell" }))), make("tbody", { role: "rowgroup" }, lines));
    const turn = (name, by, isOff) => make("button", { type: "button", "data-part": name, disabled: isOff, onclick: () => { this.page += by; this.draw(); } }, name);
    const pager = pages === 1 ? null : make("nav", { class: "row", "aria-label": "Pages of the table" }, turn("Earlier", -1, this.page === 0), `${grouped(this.page + 1)} of ${count(pages, "page")}`, turn("Later", 1, this.page === pages - 1));
    show(this.body, rows.length ? make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table of answers" }, table) : make("p", {}, "No row is like that."), pager);
    if (focused) this.body.querySelector(`[data-part="${focused}"]`)?.focus();
  }

  line(row) {
    const { found } = row;
    const text = row.text.length > SHOWN ? `${row.text.slice(0, SHOWN)}…` : row.text;
    const answer = !found ? make("span", { class: "quiet" }, "not yet") : found.fault ? make("span", { class: "wrong" }, found.fault) : found.given && found.labels.length ? quoted(answerText(found)) : make("span", { class: "quiet" }, answerText(found));
    const share = found ? sureness(found) : null;
    const cell = (name, ...children) => make("td", { role: "cell", class: name }, ...children);
    return make("tr", { role: "row" }, // said outright, since a phone shows rows as blocks
      cell("number-of", grouped(row.number)),
      cell("text", quoted(text, "div", { class: "cut-off" })),
      cell("answer", answer, found?.isCut ? make("span", { class: "quiet", title: "Longer than the model reads: its end took no part" }, " (cut)") : null),
      cell("sure", share === null || share === undefined ? "" : percent(share)),
      this.hasTruth ? cell("truth", row.truth ? make("span", { class: "only-narrow" }, "known: ") : null, quoted(row.truth), differs(row) ? make("span", { class: "wrong" }, " differs") : null) : null,
      cell("why", row.text.trim() ? make("button", { type: "button", "aria-label": `Why? Row ${row.number}`, onclick: () => this.explain(row.text) }, "Why?") : null));
  }
}

// By this rows are filtered: a label's name may be any, "no answer" too.
const kindOf = found => (found.fault || !found.given || !found.labels.length ? answerText(found) : `= ${answerText(found)}`);

export function differs(row) {
  if (!row.found || row.found.fault || !row.found.given || !row.truth) return false;
  const known = row.truth.split(",").map(label => label.trim()).sort();
  return row.truth !== row.found.labels[0] && known.join("\n") !== [...row.found.labels].sort().join("\n");
}
