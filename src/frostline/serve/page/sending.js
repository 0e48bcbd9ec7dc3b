// Texts in, answers out, a few at a time: one request under way, smaller ones where the server is busy or refuses.

import { Refused, classify, patiently, pause } from "./api.js";
import { read } from "./answers.js";

export const MOST_BYTES = 1_000_000; // of a request; the server takes 2 MB
const BELONGS_TO_A_TEXT = [400, 413, 422, 500]; // refusals that another text may not meet
const GROWS_BY = 4; // texts, after each request that was answered: a busy server is not pushed at once again
const size = new TextEncoder();

// How many of the texts at `places`, from the first on, go into one request.
export function batchSize(texts, places, most) {
  let bytes = 0;
  let n = 0;
  while (n < most && n < places.length) {
    bytes += size.encode(JSON.stringify(texts[places[n]])).length;
    if (n > 0 && bytes > MOST_BYTES) break;
    n += 1;
  }
  return n;
}

// Calls `onAnswers([place, found] ...)` as they come. A busy server is left alone as long as it asks for, then sent half; a
// refusal of several texts is halved until the text that causes it stands alone: it gets the fault, the others their
// answers. Throws when stopped, and when the server stays away.
export async function sendAll(model, texts, { most, signal, onAnswers, onWait }) {
  let places = texts.map((_, place) => place);
  let together = most;
  while (places.length) {
    const n = batchSize(texts, places, together);
    const batch = places.slice(0, n);
    const ask = () => classify(model, batch.map(place => texts[place]), signal);
    try {
      const told = await (n > 1 ? ask() : patiently(ask, { signal, tries: 7, onWait }));
      if (!Array.isArray(told.answers) || told.answers.length !== n) throw new Error(`The server gave ${told.answers?.length ?? "no"} answers for ${n} texts.`);
      onAnswers(batch.map((place, at) => [place, read(told.answers[at])]));
      places = places.slice(n);
      together = Math.min(most, together + GROWS_BY);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (n > 1 && error instanceof Refused && (error.isBusy || BELONGS_TO_A_TEXT.includes(error.status))) {
        together = Math.floor(n / 2);
        if (error.isBusy) {
          const waitS = error.waitS ?? 1;
          onWait(waitS, error);
          await pause(waitS, signal);
        }
      } else if (BELONGS_TO_A_TEXT.includes(error.status)) {
        onAnswers([[batch[0], read({ error: error.message })]]);
        places = places.slice(1);
      } else throw error;
    }
  }
}
