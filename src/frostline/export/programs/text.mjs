// What the graph is given for a text: ids of word pieces, its words, or both. `settings` is what classifier.json holds,
// `files` what the other JSON files do, by their names; `Tokenizer` is that of @huggingface/tokenizers.
//
// A browser lower-cases, removes accents and knows letters and punctuation by its own version of Unicode. Texts are
// written by tables of what read for the classifier instead; what is left of the tokenizer looks for word pieces.

export function reader(Tokenizer, settings, files) {
  const idsOf = files["tokenizer.json"] && pieces(Tokenizer, settings, files["tokenizer.json"], files["characters.json"]);
  const countsOf = files["words.json"] && words(files["words.json"]);
  return (text) => {
    const counts = countsOf?.(text);
    return { ...(idsOf && { input_ids: idsOf(text) }), ...(counts && { terms: [...counts.keys()], counts: [...counts.values()] }) };
  };
}

function pieces(Tokenizer, settings, tokenizer, characters) {
  const plain = { normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" } };
  const known = new Tokenizer(characters ? { ...tokenizer, ...plain } : tokenizer, {});
  const { max_characters: mostCharacters, max_length: most, closing, prefix = "" } = settings;
  return (text) => {
    const seen = prefix + Array.from(text).slice(0, mostCharacters).join("");
    const { ids } = known.encode(characters ? written(seen, characters) : seen);
    return ids.length > most ? [...ids.slice(0, most - closing), ...ids.slice(ids.length - closing)] : ids;
  };
}

function words({ terms, max_words: most, letters, sigma }) {
  const columns = new Map(terms.map((term, column) => [term, column]));
  return (text) => {
    const all = Array.from(text);
    const lower = all.map((each, at) => (each === "\u03a3" ? sigmaAt(all, at, sigma) : formOf(each, letters))).join("");
    // Marks go with the letter of Thai and its like that they follow; where they follow none they are in no word.
    const found = lower.replaceAll("\u0001\u0002", "").replace(/\u0002[^\u0001]*\u0001/g, " ").split(/[ \u0001]/).filter(Boolean);
    const counts = new Map();
    for (let size = 1; size <= most; size += 1) {
      for (let start = 0; start + size <= found.length; start += 1) {
        const column = columns.get(found.slice(start, start + size).join(" "));
        if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1);
      }
    }
    return counts.size ? counts : new Map([[0, 0]]);
  };
}

// The one letter whose lower case depends on those around it: behind a letter with a case, and not before one, it ends a word.
function sigmaAt(all, at, kinds) {
  const [CASED, PASSED_OVER] = [1, 2];
  const hasCase = (step) => {
    let place = at + step;
    while (all[place] !== undefined && whatOf(all[place], kinds) === PASSED_OVER) place += step;
    return all[place] !== undefined && whatOf(all[place], kinds) === CASED;
  };
  return hasCase(-1) && !hasCase(1) ? "\u03c2" : "\u03c3";
}

function written(text, { special, ranges }) {
  const anyOf = special.map((token) => token.replace(/[^A-Za-z0-9]/g, "\\$&")).join("|");
  const parts = special.length ? text.split(new RegExp(`(${anyOf})`)) : [text]; // every second one is special
  return parts.map((part, place) => (place % 2 ? part : Array.from(part, (each) => formOf(each, ranges)).join(""))).join("");
}

function formOf(character, ranges) {
  const what = whatOf(character, ranges);
  if (what === undefined) return character;
  return what === 0 ? ` ${character} ` : what === 1 ? character.normalize("NFD") : what;
}

function whatOf(character, ranges) {
  const code = character.codePointAt(0);
  let [low, high] = [0, ranges.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    [low, high] = ranges[middle][0] <= code ? [middle, high] : [low, middle - 1];
  }
  const [first, last, what] = ranges[low];
  return code < first || code > last ? undefined : what;
}
