// A model's card, which is Markdown, as elements: headings, lists, tables, code, paragraphs. The rest stays as it is written.

import { make } from "./dom.js";

const isRow = line => line.startsWith("|");
const cellsOf = line => line.replace(/^\||\|$/g, "").split("|").map(cell => cell.trim());

export function cardElements(text) {
  const lines = text.replace(/^---\r?\n[^]*?\r?\n---\r?\n/, "").split(/\r?\n/); // without what is for programs
  const found = [];
  let at = 0;
  const while_ = is => { const from = at; while (at < lines.length && is(lines[at])) at += 1; return lines.slice(from, at); };
  while (at < lines.length) {
    const line = lines[at];
    const heading = /^(#{1,6}) +(.*)$/.exec(line);
    if (!line.trim()) at += 1;
    else if (heading) { found.push(make("h3", { dir: "auto" }, inline(heading[2]))); at += 1; }
    else if (line.startsWith("```")) {
      at += 1;
      const code = while_(one => !one.startsWith("```"));
      at += 1;
      found.push(make("pre", { class: "document", tabindex: "0" }, code.join("\n")));
    }
    else if (isRow(line)) found.push(table(while_(isRow)));
    else if (/^[-*] /.test(line)) found.push(make("ul", { class: "plain" }, items(while_(one => /^([-*] | +\S)/.test(one)))));
    else {
      at += 1;
      const more = while_(one => one.trim() && !isRow(one) && !/^(#{1,6} |```|[-*] )/.test(one));
      found.push(make("p", { dir: "auto" }, inline([line, ...more].join(" "))));
    }
  }
  return found;
}

function items(lines) {
  const joined = [];
  for (const line of lines) {
    if (/^[-*] /.test(line) || joined.length === 0) joined.push(line.replace(/^[-*] /, ""));
    else joined[joined.length - 1] += ` ${line.trim()}`;
  }
  return joined.map(item => make("li", { dir: "auto" }, inline(item)));
}

function table(lines) {
  const rows = lines.filter(line => !/^[|\s:-]+$/.test(line)).map(cellsOf);
  const row = (cells, name) => make("tr", {}, cells.map(cell => make(cell ? name : "td", { dir: "auto", scope: cell && name === "th" ? "col" : null }, inline(cell))));
  return make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" }, make("table", { class: "figures" }, make("thead", {}, rows.slice(0, 1).map(cells => row(cells, "th"))), make("tbody", {}, rows.slice(1).map(cells => row(cells, "td")))));
}

// `code` and **strong**; a backslash keeps the mark after it as it is.
function inline(text) {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*)/);
  return parts.filter(part => part).map(part => {
    if (part.startsWith("`") && part.length > 2) return make("code", {}, part.slice(1, -1));
    if (part.startsWith("**") && part.length > 4) return make("strong", {}, part.slice(2, -2));
    return part.replace(/\\([\\`*_|<>[\]#-])/g, "$1");
  });
}
