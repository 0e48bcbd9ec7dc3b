// Texts in, answers out, a few at a time: one request under way, smaller ones where the server is busy or refuses.

import { classify, patiently } from "./api.js";
import { read } from "./answers.js";

export const MOST_BYTES = 1_000_000; // of a request; the server takes 2 MB
const size = new TextEncoder();

// How many of `texts`, from `start` on, go into one request.
export function batchSize(texts, start, most) {
  let bytes = 0;
  let n = 0;
  while (n < most && start + n < texts.length) {
    bytes += size.encode(JSON.stringify(texts[start + n])).length;
    if (n > 0 && bytes > MOST_BYTES) break;
    n += 1;
  }
  return n;
}

// Calls `onAnswers(start, found)` as they come. A refusal of several texts is halved until the text that causes it
// stands alone: it gets the fault, the others their answers. Throws when stopped, and when the server stays away.
export async function sendAll(model, texts, { most, signal, onAnswers, onWait }) {
  let done = 0;
  let together = most;
  while (done < texts.length) {
    const n = batchSize(texts, done, together);
    const batch = texts.slice(done, done + n);
    try {
      const busy = (waitS, error) => { together = Math.max(1, Math.floor(together / 2)); onWait(waitS, error); };
      const told = await patiently(() => classify(model, batch, signal), { signal, tries: n > 1 ? 2 : 7, onWait: busy });
      if (!Array.isArray(told.answers) || told.answers.length !== n) throw new Error(`The server gave ${told.answers?.length ?? "no"} answers for ${n} texts.`);
      onAnswers(done, told.answers.map(read));
      done += n;
      together = Math.min(most, together * 2);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (n > 1 && error.status >= 400) { together = Math.floor(n / 2); continue; }
      if (![400, 413, 422, 500].includes(error.status)) throw error;
      onAnswers(done, [read({ error: error.message })]);
      done += 1;
    }
  }
}
