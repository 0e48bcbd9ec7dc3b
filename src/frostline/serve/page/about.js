// The model served: facts, its card, its report.

import { byId, make, notice, percent, quoted, save, show } from "./dom.js";
import { about, get, hasKey } from "./api.js";
import { cardElements } from "./card.js";
import { isSets, nameOf } from "./answers.js";

const MANY = 24; // labels that are listed
let model = null;

export function useModel(chosen) { model = chosen; }

export async function open() {
  const place = byId("about");
  const shown = model;
  const facts = [
    ["Name", quoted(model.name)],
    ["Version", model.version],
    ["Answers with", isSets(model) ? "any number of labels for a text" : "one label for a text"],
    ["Labels", make("span", {}, model.labels.slice(0, MANY).map(label => quoted(nameOf(label), "bdi", { class: "tag" })), model.labels.length > MANY ? ` and ${model.labels.length - MANY} more` : "")],
    ["Leaves texts alone", model.answers_from > 0 ? `below a probability of ${percent(model.answers_from)}` : "never"],
    ["Reads", model.max_length < 1_000_000 ? `at most ${model.max_length} word pieces of a text` : "words, of a whole text"],
    ["Encoder", model.encoder ? quoted(model.encoder) : null],
  ].filter(([, value]) => value !== null);
  const card = make("section", {}, make("h2", {}, "Card"), make("p", { class: "busy", role: "status" }, "Fetching…"));
  show(place, make("section", {}, make("h2", {}, "The model"), make("dl", {}, facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])), reportLink()), card);
  if (!model.has_card) return show(card, make("h2", {}, "Card"), make("p", { class: "quiet" }, "The model has no card."));
  try {
    const text = await (await get(about(shown.name, "card"))).text();
    if (shown === model) show(card, make("h2", {}, "Card"), cardElements(text));
  } catch (error) {
    show(card, make("h2", {}, "Card"), notice(error));
  }
}

// A link cannot carry a key: where there is one, the report is fetched and saved.
function reportLink() {
  if (!model.has_report) return make("p", { class: "quiet" }, "The model has no report.");
  const path = about(model.name, "report");
  if (!hasKey()) return make("p", {}, make("a", { href: path, target: "_blank", rel: "noopener noreferrer" }, "Open the report (new tab)"));
  const told = make("span", { role: "status" });
  const fetchIt = async () => {
    try {
      save([await (await get(path)).blob()], `${model.name}-report.html`, "text/html");
      show(told, "Saved.");
    } catch (error) { show(told, notice(error)); }
  };
  return make("div", { class: "row" }, make("button", { type: "button", onclick: fetchIt }, "Save the report"), told);
}
