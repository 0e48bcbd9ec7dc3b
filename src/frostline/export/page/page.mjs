// The page: texts to the worker, answers to the eye. Nothing that was written is ever taken for HTML.
const by = (id) => document.getElementById(id);
const [form, text, lines, go, stop, save, status, shown] = "form text lines go stop save status answer".split(" ").map(by);
by("alone").remove(); // it is for whoever opened the page as a file: no browser runs a module then
const MOST_BARS = 10;
const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
const waiting = new Map();
let labels = [];
let rows = [];
let stopped = false;

function element(name, content = "", attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...[content].flat());
  return made;
}

function say(words, isWrong = false) {
  status.textContent = words;
  status.className = isWrong ? "wrong" : "";
}

worker.addEventListener("message", ({ data }) => {
  if (data.broken) return say(`The classifier cannot be loaded: ${data.broken}. The folder must lie on a server, whole.`, true);
  if (data.labels) {
    labels = data.labels;
    by("labels").textContent = labels.length > 20 ? `${labels.slice(0, 20).join(", ")} and ${labels.length - 20} more` : labels.join(", ");
    go.disabled = false;
    return say("Ready.");
  }
  waiting.get(data.number)?.(data);
  waiting.delete(data.number);
});
worker.addEventListener("error", (event) => say(`The classifier cannot be loaded: ${event.message ?? "its script failed"}.`, true));

let last = 0;
const ask = (given) =>
  new Promise((resolve, reject) => {
    last += 1;
    waiting.set(last, ({ answer, error }) => (error ? reject(new Error(error)) : resolve(answer)));
    worker.postMessage({ number: last, text: given });
  });

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function told(answer) {
  if (answer.labels === null) return "not sure enough";
  return answer.labels.length ? answer.labels.join(", ") : "none of the labels";
}

function one(answer) {
  const order = answer.probabilities.map((share, column) => [share, column]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  const bars = element("dl");
  for (const [share, column] of order.slice(0, MOST_BARS)) {
    bars.append(element("dt", labels[column]));
    bars.append(element("dd", element("meter", "", { value: share, ariaLabel: labels[column] })), element("dd", percent(share)));
  }
  const rest = order.length > MOST_BARS ? [element("p", `and ${order.length - MOST_BARS} labels less probable`, { className: "rest" })] : [];
  const early = answer.early ? [element("p", "Answered early, by words and word embeddings; the encoder did not read it.", { className: "rest" })] : [];
  shown.replaceChildren(element("p", told(answer), { className: "big" }), bars, ...rest, ...early);
}

function table() {
  const head = element("tr", ["Text", "Answer", "Highest"].map((title) => element("th", title, { scope: "col" })));
  const body = rows.map(({ text: given, answer }) =>
    element("tr", [given, told(answer), percent(Math.max(...answer.probabilities))].map((cell) => element("td", cell))),
  );
  shown.replaceChildren(element("div", element("table", [element("thead", head), element("tbody", body)]), { className: "scroll", tabIndex: 0 }));
}

async function many(given) {
  [rows, stopped, stop.hidden] = [[], false, false];
  for (const each of given) {
    if (stopped) break;
    rows.push({ text: each, answer: await ask(each) });
    if (rows.length % 20 === 0 || rows.length === given.length) say(`${rows.length} of ${given.length} texts read.`);
  }
  table();
  [stop.hidden, save.hidden] = [true, !rows.length];
  say(stopped ? `Stopped after ${rows.length} of ${given.length} texts.` : `${rows.length} texts read.`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = lines.checked ? text.value.split(/\r?\n/).filter((line) => line.trim()) : [text.value];
  if (!given.some((each) => each.trim())) return say("Write a text first.", true);
  [go.disabled, save.hidden] = [true, true];
  say("Reading …");
  try {
    if (lines.checked) await many(given);
    else {
      one(await ask(given[0]));
      say("Read.");
    }
  } catch (error) {
    say(`It could not be read: ${error.message}`, true);
  }
  [go.disabled, stop.hidden] = [false, true];
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !go.disabled) form.requestSubmit();
});
stop.addEventListener("click", () => (stopped = true));

// A cell that a spreadsheet would take for a formula gets an apostrophe.
const cell = (value) => `"${String(value).replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
save.addEventListener("click", () => {
  const head = ["text", "answer", ...labels.map((label) => `probability of ${label}`)];
  const body = rows.map(({ text: given, answer }) => [given, told(answer), ...answer.probabilities]);
  const content = [head, ...body].map((row) => row.map(cell).join(",")).join("\r\n");
  const link = element("a", "", { href: URL.createObjectURL(new Blob(["\ufeff", content, "\r\n"], { type: "text/csv" })), download: "answers.csv" });
  link.click();
  URL.revokeObjectURL(link.href);
});
