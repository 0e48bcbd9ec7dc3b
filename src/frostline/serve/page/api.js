// What is asked of the server, and how its refusals read. The key lives in this module's memory alone.

const MOST_S = 60; // for one request; the server gives up before
let key = null;
let askForKey = null; // (was refused) -> the key, or null
let asking = null;

export const hasKey = () => key !== null;
export const onKeyWanted = ask => { askForKey = ask; };

export class Refused extends Error {
  constructor(message, { status = 0, hint = "", waitS = null, answers = null } = {}) {
    super(message);
    this.status = status;
    this.hint = hint;
    this.waitS = waitS; // seconds after which the server wants to be asked again
    this.answers = answers; // where all texts of a request failed, why each did
  }
  get isBusy() { return [0, 408, 429, 502, 503, 504].includes(this.status); }
  // What is told while it is waited to ask again; `state` of a server that did answer.
  waiting(waitS, state = "The server is busy") {
    return `${this.status ? state : this.message.replace(/\.$/, "")}; asking again in ${Math.ceil(waitS)} s.`;
  }
}

async function refusal(response) {
  let told = {};
  try { told = await response.json(); } catch { /* a proxy's page, or nothing */ }
  const error = typeof told?.error === "string" ? told.error : told?.error?.message ?? told?.detail;
  const message = typeof error === "string" ? error : `The server answered with status ${response.status}.`;
  const wait = Number.parseFloat(response.headers.get("Retry-After"));
  return new Refused(message, {
    status: response.status,
    hint: typeof told?.hint === "string" ? told.hint : "",
    waitS: Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 60) : null,
    answers: told?.answers ?? null,
  });
}

async function sent(path, body, signal) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  const late = AbortSignal.timeout(1000 * MOST_S);
  try {
    return await fetch(new URL(path, document.baseURI), {
      method: body === undefined ? "GET" : "POST",
      body: body === undefined ? undefined : JSON.stringify(body),
      headers, signal: signal ? AbortSignal.any([signal, late]) : late, credentials: "omit", cache: "no-store", redirect: "error",
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (late.aborted) throw new Refused(`The server did not answer within ${MOST_S} s.`, { hint: "Try again; if it stays so, look at its log." });
    throw new Refused("The server cannot be reached.", { hint: "Is it still running, and is the network up?" });
  }
}

// The response, once it is a good one. A key is asked for where the server wants one.
export async function get(path, { body, signal } = {}) {
  for (;;) {
    const used = key;
    const response = await sent(path, body, signal);
    if (response.ok) return response;
    const refused = await refusal(response);
    if (refused.status !== 401 || askForKey === null) throw refused;
    if (used !== key) continue; // another request was given a key meanwhile
    asking ??= askForKey(used !== null).finally(() => { asking = null; });
    const given = await asking;
    if (given === null) throw refused;
    key = given;
  }
}

export async function json(path, options) {
  const response = await get(path, options);
  try {
    return await response.json();
  } catch {
    if (options?.signal?.aborted) throw options.signal.reason;
    throw new Refused("The server's answer cannot be read.", { hint: "Is a proxy in between?" });
  }
}

export function pause(timeS, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { signal?.removeEventListener("abort", leave); resolve(); }, 1000 * timeS);
    const leave = () => { clearTimeout(timer); reject(signal.reason); };
    if (signal?.aborted) leave();
    else signal?.addEventListener("abort", leave, { once: true });
  });
}

// Ask again while the server is busy: after the time it names, else 1, 2, 4 … seconds.
export async function patiently(ask, { signal, tries = 4, onWait = () => {} } = {}) {
  for (let failed = 1; ; failed += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refused) || !error.isBusy || failed >= tries) throw error;
      const waitS = error.waitS ?? Math.min(2 ** (failed - 1), 30);
      onWait(waitS, error);
      await pause(waitS, signal);
    }
  }
}

export const models = signal => json("v1/models", { signal });

export async function classify(model, texts, signal) {
  try {
    return await json("v1/classify", { body: { model, texts }, signal });
  } catch (error) {
    if (Array.isArray(error.answers) && !error.isBusy) return { answers: error.answers };
    throw error;
  }
}

export const explain = (model, text, labels, signal) =>
  json("v1/explain", { body: labels.length ? { model, text, labels } : { model, text }, signal });
export const about = (model, what) => `v1/models/${encodeURIComponent(model)}/${what}`;
