// Elements, and numbers as words. Text becomes a text node and nothing else: no markup is ever made of a string.

export const byId = id => document.getElementById(id);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

// What a stranger wrote: its direction is its own, and reaches no further.
export const quoted = (text, name = "bdi", attributes = {}) => make(name, { dir: "auto", ...attributes }, String(text));

export function show(place, ...children) {
  place.replaceChildren(...children.flat().filter(child => child !== null && child !== undefined));
}

export function notice(error, ...more) {
  const hint = error.hint ? make("p", {}, error.hint) : null;
  return make("div", { class: "notice" }, make("p", { class: "wrong" }, error.message), hint, ...more);
}

const whole = new Intl.NumberFormat("en");
export const count = (number, noun) => `${whole.format(number)} ${noun}${number === 1 ? "" : "s"}`;
export const grouped = number => whole.format(number);

export function percent(share) {
  const points = 100 * share;
  if (points > 0 && points < 0.05) return "<0.1 %";
  if (points < 100 && points >= 99.95) return ">99.9 %";
  return `${points.toFixed(1)} %`;
}

export function signed(points) {
  const size = Math.abs(points).toFixed(1);
  return size === "0.0" ? "0.0" : (points < 0 ? "−" : "+") + size;
}

export function seconds(time) {
  if (time < 10) return `${time.toFixed(1)} s`;
  if (time < 90) return `${Math.round(time)} s`;
  return time < 5400 ? `${Math.round(time / 60)} min` : `${(time / 3600).toFixed(1)} h`;
}

export function save(parts, name, type) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
