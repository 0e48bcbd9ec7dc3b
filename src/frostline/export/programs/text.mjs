// The ids of a text. `tokenizer`, `characters` and `settings` are what tokenizer.json, characters.json and
// classifier.json hold; `Tokenizer` is that of @huggingface/tokenizers.
//
// A browser lower-cases, removes accents and knows punctuation by its own version of Unicode. BERT's texts are written
// by the table of the library that read for the classifier instead; what is left of the tokenizer looks for word pieces.

export function reader(Tokenizer, { tokenizer, characters, settings }) {
  const plain = { normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" } };
  const pieces = new Tokenizer(characters ? { ...tokenizer, ...plain } : tokenizer, {});
  const { max_characters: mostCharacters, max_length: most, closing, prefix = "" } = settings;
  return (text) => {
    const seen = prefix + Array.from(text).slice(0, mostCharacters).join("");
    const { ids } = pieces.encode(characters ? written(seen, characters) : seen);
    return ids.length > most ? [...ids.slice(0, most - closing), ...ids.slice(ids.length - closing)] : ids;
  };
}

function written(text, { special, ranges }) {
  const anyOf = special.map((token) => token.replace(/[^A-Za-z0-9]/g, "\\$&")).join("|");
  const parts = special.length ? text.split(new RegExp(`(${anyOf})`)) : [text]; // every second one is special
  return parts.map((part, place) => (place % 2 ? part : Array.from(part, (each) => formOf(each, ranges)).join(""))).join("");
}

function formOf(character, ranges) {
  const code = character.codePointAt(0);
  let [low, high] = [0, ranges.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    [low, high] = ranges[middle][0] <= code ? [middle, high] : [low, middle - 1];
  }
  const [first, last, what] = ranges[low];
  if (code < first || code > last) return character;
  return what === 0 ? ` ${character} ` : what === 1 ? character.normalize("NFD") : what;
}
