// Files into rows, and rows into files. Nothing here touches the page, so that it can be tested by itself.

export const MOST_BYTES = 100e6;
export const MOST_ROWS = 200_000;
const FOR_MORE = "For files of any size: frostline predict MODEL FILE --out OUT.";
const TEXT_NAMES = ["text", "texts", "sentence", "review", "comment", "message", "content", "body", "description", "question", "tweet", "title"];
const OTHER_NAMES = ["label", "labels", "class", "category", "target", "id", "idx", "index", "date", "sentiment", "score", "name"];

export class FileFault extends Error {
  constructor(message, hint = "") { super(message); this.hint = hint; }
}

// --- in

// -> { names: [...] or null, rows: [[...]], notes: [...] }; where `names` is null, the first row may hold them.
export async function readFile(file) {
  if (file.size > MOST_BYTES) throw new FileFault(`${file.name} has ${Math.round(file.size / 1e6)} MB; ${MOST_BYTES / 1e6} MB is the most here.`, FOR_MORE);
  let bytes = new Uint8Array(await file.arrayBuffer());
  let name = file.name;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    bytes = await unpacked(bytes, name);
    name = name.replace(/\.gz$/i, "");
  }
  return parse(decoded(bytes, name), name);
}

async function unpacked(bytes, name) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new FileFault(`${name} is damaged: it cannot be unpacked.`); });
    if (done) break;
    size += value.length;
    if (size > MOST_BYTES) {
      reader.cancel();
      throw new FileFault(`${name} has more than ${MOST_BYTES / 1e6} MB once unpacked.`, FOR_MORE);
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function decoded(bytes, name) {
  const coding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(coding, { fatal: true }).decode(bytes);
  } catch {
    throw new FileFault(`${name} is not ${coding.toUpperCase()} text.`, "Save it as CSV or text in UTF-8 (in spreadsheets: CSV UTF-8).");
  }
}

export function parse(text, name) {
  const suffix = /\.([a-z]+)$/i.exec(name)?.[1].toLowerCase() ?? "txt";
  const first = text.slice(0, text.search(/[\r\n]|$/));
  let table;
  if (suffix === "jsonl" || suffix === "ndjson") table = fromJsonLines(text, name);
  else if (suffix === "json") table = text.trimStart().startsWith("[") ? fromJson(text, name) : fromJsonLines(text, name);
  else if (suffix === "csv") table = { names: null, rows: fromCsv(text, commonest(first), name), notes: [] };
  else if (suffix === "tsv" || suffix === "tab") table = { names: null, rows: fromTabs(text), notes: [] };
  else table = { names: null, rows: first.includes("\t") ? fromTabs(text) : linesOf(text).map(line => [line]), notes: [] };
  table.rows = table.rows.filter(cells => cells.length > 1 || cells[0] !== "");
  if (table.rows.length === 0 || table.names?.length === 0) throw new FileFault(`${name} holds no text.`);
  if (table.rows.length > MOST_ROWS) throw new FileFault(`${name} has ${table.rows.length} rows; ${MOST_ROWS} is the most here.`, FOR_MORE);
  const width = table.names?.length ?? table.rows[0].length;
  const odd = table.rows.filter(cells => cells.length !== width).length;
  if (odd) table.notes.push(`${odd} of ${table.rows.length} rows have more or fewer cells than the first.`);
  table.width = table.rows.reduce((most, cells) => Math.max(most, cells.length), width);
  return table;
}

const linesOf = text => text.split(/\r\n|\n|\r/);
const fromTabs = text => text.split(/\r?\n/).map(line => line.split("\t")); // no quotation marks, as frostline reads TSV

function commonest(line) {
  const plain = line.replace(/"[^"]*"/g, "");
  const times = mark => plain.split(mark).length;
  return [",", ";", "\t"].reduce((best, mark) => (times(mark) > times(best) ? mark : best));
}

export function fromCsv(text, mark, name = "The file") {
  const rows = [];
  let cells = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    let cell;
    if (text[at] === '"') {
      const opened = line;
      let end = at + 1;
      for (;;) {
        end = text.indexOf('"', end);
        if (end < 0) throw new FileFault(`${name}: the quotation mark opened in line ${opened} is never closed.`, "Close it, or save the file as TSV.");
        if (text[end + 1] !== '"') break;
        end += 2;
      }
      cell = text.slice(at + 1, end);
      line += cell.split("\n").length - 1;
      cell = cell.replaceAll('""', '"');
      at = end + 1;
      const rest = stretch(text, at, mark); // what stands after a closing mark belongs to the cell, as Python's csv has it
      cell += text.slice(at, rest);
      at = rest;
    } else {
      const end = stretch(text, at, mark);
      cell = text.slice(at, end);
      at = end;
    }
    cells.push(cell);
    if (text[at] === mark) {
      at += 1;
      if (at === text.length) cells.push("");
      continue;
    }
    rows.push(cells);
    cells = [];
    line += 1;
    at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
  }
  if (cells.length) rows.push(cells);
  return rows;
}

function stretch(text, from, mark) {
  let at = from;
  while (at < text.length && text[at] !== mark && text[at] !== "\n" && text[at] !== "\r") at += 1;
  return at;
}

function fromJsonLines(text, name) {
  const lines = text.split(/\r?\n/);
  const values = [];
  lines.forEach((line, place) => {
    if (!line.trim()) return;
    try {
      values.push(JSON.parse(line));
    } catch {
      throw new FileFault(`${name}: line ${place + 1} is not JSON.`, "Each line must hold one JSON object or one string.");
    }
  });
  return fromValues(values, name);
}

function fromJson(text, name) {
  try {
    return fromValues(JSON.parse(text), name);
  } catch (error) {
    if (error instanceof FileFault) throw error;
    throw new FileFault(`${name} is not JSON.`, "It must hold a list of objects or of strings.");
  }
}

function fromValues(values, name) {
  const places = new Map();
  for (const value of values) {
    if (typeof value === "string") places.has("text") || places.set("text", places.size);
    else if (value === null || typeof value !== "object" || Array.isArray(value)) throw new FileFault(`${name}: each entry must be an object or a string.`);
    else for (const key of Object.keys(value)) places.has(key) || places.set(key, places.size);
  }
  const rows = values.map(value => {
    const cells = Array(places.size).fill("");
    const entries = typeof value === "string" ? [["text", value]] : Object.entries(value);
    for (const [key, cell] of entries) cells[places.get(key)] = typeof cell === "string" ? cell : cell === null ? "" : JSON.stringify(cell);
    return cells;
  });
  return { names: [...places.keys()], rows, notes: [] };
}

// --- which column is what

export function firstRowIsNames(rows) {
  const known = new Set([...TEXT_NAMES, ...OTHER_NAMES]);
  return rows.length > 1 && rows[0].some(cell => known.has(cell.trim().toLowerCase())) && rows[0].every(cell => cell.length < 80);
}

export function likelyText(names, rows) {
  const byName = TEXT_NAMES.map(known => names.findIndex(name => name.trim().toLowerCase() === known)).find(place => place >= 0);
  if (byName !== undefined) return byName;
  const sizes = names.map((_, place) => rows.slice(0, 200).reduce((sum, cells) => sum + (cells[place] ?? "").length, 0));
  return sizes.indexOf(Math.max(...sizes));
}

// --- out

// As `frostline predict --spreadsheet-safe` has it: what a spreadsheet may leave out before it looks for a formula goes first.
const OPENS_FORMULA = /^(?:[" \t\r\n\0]*[=+\-@|%＝＋－＠]|[\t\r\n\0])/;
const PLAIN_NUMBER = /^[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/;

// A cell that no spreadsheet takes for a formula; and where it is not for one, the cell as it is.
export function safeCell(cell, isSafe) {
  return isSafe && OPENS_FORMULA.test(cell) && !PLAIN_NUMBER.test(cell) ? `'${cell}` : cell;
}

function csvCell(cell) {
  return /["\r\n,;\t]/.test(cell) || cell !== cell.trim() ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export function* csvParts(header, rows, { isSafe }) {
  const line = cells => `${cells.map(cell => csvCell(typeof cell === "string" ? safeCell(cell, isSafe) : cell === null ? "" : String(cell))).join(",")}\r\n`;
  yield `\ufeff${line(header)}`; // by this mark spreadsheets know UTF-8
  for (const cells of rows) yield line(cells);
}

export function* jsonParts(documents) {
  for (const one of documents) yield `${JSON.stringify(one)}\n`;
}
