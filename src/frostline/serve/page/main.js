// The page's door: which models there are, the three tabs, the question for a key.

import { byId, make, notice, show } from "./dom.js";
import { models, onKeyWanted, patiently } from "./api.js";
import * as about from "./about.js";
import * as many from "./many.js";
import * as one from "./one.js";

const TABS = ["one", "many", "about"];

function openTab(name, { focus = false } = {}) {
  for (const tab of TABS) {
    const button = byId(`tab-${tab}`);
    button.setAttribute("aria-selected", String(tab === name));
    button.tabIndex = tab === name ? 0 : -1;
    byId(tab).hidden = tab !== name;
  }
  if (focus) byId(`tab-${name}`).focus();
  if (name === "about") about.open();
}

function startTabs() {
  TABS.forEach((name, place) => {
    const button = byId(`tab-${name}`);
    button.addEventListener("click", () => openTab(name));
    button.addEventListener("keydown", event => {
      const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: TABS.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      openTab(TABS[(to + TABS.length) % TABS.length], { focus: true });
    });
  });
}

// -> the key, or null where the user has none.
function askForKey(wasRefused) {
  const dialog = byId("lock");
  const field = byId("key");
  if (wasRefused) show(byId("lock-why"), make("span", { class: "wrong" }, "The server does not take this key."));
  field.value = "";
  return new Promise(resolve => {
    const done = new AbortController();
    const finish = value => { done.abort(); field.value = ""; dialog.close(); resolve(value); };
    const listen = (element, event, what) => element.addEventListener(event, what, { signal: done.signal });
    listen(byId("unlock"), "submit", event => { event.preventDefault();
      if (/^[\x21-\x7e]+$/.test(field.value)) finish(field.value);
      else show(byId("lock-why"), make("span", { class: "wrong" }, "A key has no blanks, and only letters, digits and signs of ASCII."));
    });
    listen(byId("no-key"), "click", () => finish(null));
    listen(dialog, "cancel", () => finish(null));
    dialog.showModal();
    field.focus();
  });
}

function choose(all, limits) {
  const select = byId("model");
  const use = () => {
    const model = all[select.selectedIndex];
    show(byId("served"), `${all.length === 1 ? `${model.name} · ` : ""}version ${model.version} · ${model.labels.length} labels`);
    document.title = `${model.name} · Frostline`;
    for (const part of [one, many, about]) part.useModel(model, limits);
    if (!byId("about").hidden) about.open();
  };
  show(select, all.map(model => make("option", { dir: "auto" }, model.name)));
  byId("choice").hidden = all.length < 2;
  select.onchange = use;
  use();
}

async function begin() {
  const state = byId("state");
  show(state, make("p", { class: "busy" }, "Asking the server which models it has…"));
  const again = make("div", { class: "row" }, make("button", { type: "button", onclick: begin }, "Try again"));
  try {
    const onWait = (waitS, error) => show(state, make("p", { class: "busy" }, error.waiting(waitS, "The server is not ready")));
    const told = await patiently(() => models(), { tries: 6, onWait });
    const there = told.models.filter(one => one.version !== null); // of the others all that was kept is lost
    if (there.length === 0) {
      const none = { message: "The server has no model.", hint: "Start it with one: frostline serve MODEL." };
      const lost = { message: "What the server kept of its models is damaged.", hint: "Whoever started it can load them anew." };
      show(state, notice(told.models.length ? lost : none, again));
      return;
    }
    choose(there, told.limits ?? {});
    show(state);
    byId("work").hidden = false;
  } catch (error) {
    const message = error.status === 401 ? { message: "Without a key this server answers nothing.", hint: "Whoever started it has one." } : error;
    show(state, notice(message, again));
  }
}

onKeyWanted(askForKey);
startTabs();
one.start();
many.start({ explain: text => { openTab("one"); one.askAbout(text); } });
begin();
