// Reads texts beside the page, which stays at hand meanwhile. Takes { number, text }; gives { number, answer } or { number, error }.
import { Tokenizer } from "./tokenizers.min.mjs";
import * as ort from "./ort.wasm.min.mjs";
import { reader } from "./text.mjs";

const labelsOf = (settings) => settings.labels_text ?? settings.labels.map(String);
const here = (name) => new URL(name, import.meta.url).href;

async function fetched(name, as) {
  const response = await fetch(here(name));
  if (!response.ok) throw new Error(`${name} is not there (${response.status})`);
  return response[as]();
}

// Some servers have the browser unpack what ends in .gz; what is still packed says so in its first two bytes.
async function unpacked(name) {
  const content = await fetched(name, "arrayBuffer");
  const [first, second] = new Uint8Array(content, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return content;
  return new Response(new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function opened() {
  ort.env.wasm.numThreads = 1; // more need headers that a plain static server does not send
  ort.env.wasm.wasmPaths = { mjs: here("ort-wasm-simd-threaded.mjs") };
  const asked = [fetched("classifier.json", "json"), fetched("classifier.onnx", "arrayBuffer"), unpacked("ort-wasm-simd-threaded.wasm.gz")];
  const [settings, graph, wasmBinary] = await Promise.all(asked);
  ort.env.wasm.wasmBinary = wasmBinary;
  const names = Object.keys(settings.files).filter((name) => name.endsWith(".json"));
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await fetched(name, "json")])));
  const session = await ort.InferenceSession.create(new Uint8Array(graph));
  return { inputsOf: reader(Tokenizer, settings, files), session, settings };
}

const ready = opened();
ready.then(
  ({ settings }) => postMessage({ labels: labelsOf(settings) }),
  (error) => postMessage({ broken: String(error.message ?? error) }),
);

addEventListener("message", async ({ data: { number, text } }) => {
  try {
    const { inputsOf, session, settings } = await ready;
    const row = ([name, ids]) => [name, new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length])];
    const said = await session.run(Object.fromEntries(Object.entries(inputsOf(text)).map(row)));
    const favoured = labelsOf(settings).filter((_, column) => said.favoured.data[column]);
    const early = Boolean(said.early?.data[0]);
    const answer = { labels: said.answered.data[0] ? favoured : null, probabilities: [...said.probabilities.data], early };
    postMessage({ number, answer });
  } catch (error) {
    postMessage({ number, error: String(error.message ?? error) });
  }
});
