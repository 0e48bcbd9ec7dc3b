// An answer of the server, read once: for one label per text and for several, with or without an answer.

const NAMES = new Map([[true, "True"], [false, "False"]]); // as Python writes labels that are no text
export const nameOf = label => NAMES.get(label) ?? String(label);

// -> { fault } or { given, labels, shares, best, isCut }: `labels` are those given, the most probable first.
export function read(answer) {
  const fault = answer.error ?? answer.fault;
  if (fault) return { fault: typeof fault === "string" ? fault : fault.message, labels: [], shares: new Map() };
  const shares = new Map(Object.entries(answer.probabilities));
  const ranked = [...shares.keys()].sort((one, other) => shares.get(other) - shares.get(one));
  const told = "labels" in answer ? answer.labels : answer.label === null ? null : [answer.label];
  const labels = (told ?? []).map(nameOf).sort((one, other) => shares.get(other) - shares.get(one));
  return { given: told !== null, labels, shares, ranked, best: ranked[0], isCut: Boolean(answer.cut), fault: null };
}

export const isSets = model => model.several_labels;

export function answerText(found) {
  if (found.fault) return "fault";
  if (!found.given) return "no answer";
  return found.labels.length ? found.labels.join(", ") : "none of the labels";
}

// What stands in the column "sure": of several labels the least sure one; without an answer that of the nearest.
export function sureness(found) {
  if (found.fault) return null;
  const of = found.labels.length ? found.labels.at(-1) : found.best;
  return found.shares.get(of);
}
