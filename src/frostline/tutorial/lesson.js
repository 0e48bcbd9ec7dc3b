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

// A figure that moves: its sliders choose a frame, and its shapes take what the frame says. What stays is not touched.
const bytes = (packed) => Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
const still = matchMedia("(prefers-reduced-motion: reduce)");
for (const figure of document.querySelectorAll("figure.moves")) {
  const { frames, among } = JSON.parse(figure.querySelector("script").textContent);
  const sliders = [...figure.querySelectorAll("input[type=range]")];
  const [cells, clouds] = [".cell", ".dots"].map((name) => [...figure.querySelectorAll(name)]);
  const chosen = () => frames[sliders.reduce((before, slider, n) => before * among[n] + Number(slider.value), 0)];
  const put = (element, name, value) => { if (element.getAttribute(name) !== value) element.setAttribute(name, value); };
  let [points, gliding] = [chosen().points, 0];
  const scatter = () => {
    let at = 0;
    for (const cloud of clouds) {
      let path = "";
      for (const end = at + 2 * Number(cloud.dataset.n); at < end; at += 2) path += `M${points[at].toFixed(1)} ${points[at + 1].toFixed(1)}h.01`;
      cloud.setAttribute("d", path);
    }
  };
  const glide = (to) => {
    const [from, begun] = [points, performance.now()];
    cancelAnimationFrame(gliding);
    const step = (now) => {
      const share = still.matches ? 1 : Math.min(1, Math.max(0, now - begun) / 350);
      points = to.map((value, n) => value + (from[n] - value) * (1 - share) ** 3);
      scatter();
      if (share < 1) gliding = requestAnimationFrame(step);
    };
    step(begun);
  };
  const show = () => {
    const frame = chosen();
    sliders.forEach((slider, n) => {
      slider.parentElement.querySelector("output").textContent = frame.words[n];
      slider.setAttribute("aria-valuetext", frame.words[n]);
    });
    if (frame.cells) bytes(frame.cells).forEach((value, n) => put(cells[n], "fill-opacity", (value / 255).toFixed(3)));
    if (frame.codes) bytes(frame.codes).forEach((code, n) => put(cells[n], "class", `cell c${code % 6}`));
    if (frame.points) glide(frame.points);
    for (const [selector, name, value] of frame.set ?? []) put(figure.querySelector(selector), name, value);
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
