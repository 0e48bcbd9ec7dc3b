// What an exported classifier says of texts: node answer.mjs "a text" ... (or JSON strings, one a line, on standard input)
// Needs, beside this file: npm install --ignore-scripts onnxruntime-node @huggingface/tokenizers
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@huggingface/tokenizers";
import ort from "onnxruntime-node";
import { reader } from "./text.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf-8"));
const settings = read("classifier.json");
const inputsOf = reader(Tokenizer, settings, Object.fromEntries(Object.keys(settings.files).filter((name) => name.endsWith(".json")).map((name) => [name, read(name)])));
const session = await ort.InferenceSession.create(fileURLToPath(new URL("classifier.onnx", import.meta.url)));

async function answer(text) {
  const row = ([name, ids]) => [name, new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length])];
  const whole = text.replace(/\p{Surrogate}/gu, "\ufffd"); // half a character is none
  const said = await session.run(Object.fromEntries(Object.entries(inputsOf(whole)).map(row)));
  const labels = (settings.labels_text ?? settings.labels).filter((_, column) => said.favoured.data[column]);
  const early = said.early && { early: Boolean(said.early.data[0]) }; // of a cascade: the layers did not read it
  return { labels: said.answered.data[0] ? labels : null, probabilities: [...said.probabilities.data], ...early };
}

const given = process.argv.slice(2);
const lines = given.length ? [] : readFileSync(0, "utf-8").split("\n").filter((line) => line.trim());
for (const text of [...given, ...lines.map((line) => JSON.parse(line))]) console.log(JSON.stringify(await answer(text)));
