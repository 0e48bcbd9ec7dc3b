"use strict";
// Whatever belongs to the same word piece, or to the same sentence, lights up together.
const light = (element) => {
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
  if (!element) return;
  const kind = element.hasAttribute("data-piece") ? "data-piece" : "data-row";
  const value = CSS.escape(element.getAttribute(kind));
  const among = element.closest("main") ?? document; // the pieces of another encoder are others
  for (const same of among.querySelectorAll(`[${kind}="${value}"]`)) same.classList.add("lit");
  if (kind === "data-row") for (const same of document.querySelectorAll(`q[${kind}="${value}"]`)) same.classList.add("lit");
};
const touched = (event) => event.target.closest?.("[data-piece], [data-row]");
document.addEventListener("pointerover", (event) => { const element = touched(event); if (element) light(element); });
document.addEventListener("focusin", (event) => { const element = touched(event); if (element) light(element); });
document.addEventListener("click", (event) => light(touched(event)));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") light(null); });

// A figure that moves: its sliders choose a frame, and its shapes take what the frame says.
const bytes = (packed) => Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
for (const figure of document.querySelectorAll("figure.moves")) {
  const { frames, among } = JSON.parse(figure.querySelector("script").textContent);
  const sliders = [...figure.querySelectorAll("input[type=range]")];
  const [cells, dots] = [".cell", ".dot"].map((name) => [...figure.querySelectorAll(name)]);
  const show = () => {
    const place = sliders.reduce((before, slider, n) => before * among[n] + Number(slider.value), 0);
    const frame = frames[place];
    sliders.forEach((slider, n) => {
      slider.nextElementSibling.textContent = frame.words[n];
      slider.setAttribute("aria-valuetext", frame.words[n]);
    });
    if (frame.cells) bytes(frame.cells).forEach((value, n) => cells[n].setAttribute("fill-opacity", (value / 255).toFixed(3)));
    if (frame.codes) bytes(frame.codes).forEach((code, n) => cells[n].setAttribute("class", `cell c${code % 6}`));
    if (frame.points) dots.forEach((dot, n) => dot.setAttribute("transform", `translate(${frame.points[2 * n]} ${frame.points[2 * n + 1]})`));
    for (const [selector, name, value] of frame.set ?? []) figure.querySelector(selector).setAttribute(name, value);
  };
  let asked = 0;
  const soon = () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(show); };
  for (const slider of sliders) slider.addEventListener("input", soon);
}
// Two encoders: one lesson at a time.
const [lessons, buttons] = ["main", ".encoders button"].map((name) => [...document.querySelectorAll(name)]);
const choose = (chosen) => lessons.forEach((lesson, n) => { lesson.hidden = n !== chosen; buttons[n]?.setAttribute("aria-pressed", String(n === chosen)); });
if (buttons.length) {
  buttons.forEach((button, n) => button.addEventListener("click", () => choose(n)));
  document.querySelector(".encoders").hidden = false;
  choose(0);
}
addEventListener("beforeprint", () => { for (const folded of document.querySelectorAll("details")) folded.open = true; });
