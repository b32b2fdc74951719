// Elements, numbers as text, the theme.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

const number = (value, digits = 3) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
const signed = (value, digits = 3) => (value > 0 ? "+" : "") + number(value, digits);
const spaced = (name) => name.replaceAll("_", " ");
const breakable = (name) => name.split(/(?<=[_/@])/).flatMap((part, k) => (k ? [h("wbr"), part] : [part]));
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const percent = (value) => `${Math.max(0, Math.min(1, value)) * 100}%`;

// The columns of a report are told apart by shape as well as by colour.
const MARKS = [
  "M6 1a5 5 0 1 0 .01 0Z", "M1.5 1.5h9v9h-9Z", "M6 1 11.4 10.6H.6Z", "M6 .4 11.6 6 6 11.6 .4 6Z",
  "M6 11 .6 1.4h10.8Z", "M4.2 1h3.6v3.2H11v3.6H7.8V11H4.2V7.8H1V4.2h3.2Z",
  "M3 .8h6L12 6 9 11.2H3L0 6Z", "M2.5 0 6 3.5 9.5 0 12 2.5 8.5 6 12 9.5 9.5 12 6 8.5 2.5 12 0 9.5 3.5 6 0 2.5Z",
];
const mark = (column, size = 12) =>
  svg("svg", { class: `mark c${column % 8}`, viewBox: "0 0 12 12", width: size, height: size, "aria-hidden": "true" },
    svg("path", { d: MARKS[column % 8] }));

const icon = (d) => svg("svg", { class: "glyph", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, svg("path", { d }));
const ICONS = {
  first: "M3 3h2v10H3ZM14 3v10L6 8Z", back: "M11 3v10L4 8ZM12 3h1.6v10H12Z", forward: "M5 3v10l7-5ZM2.4 3H4v10H2.4Z",
  play: "M4 2.5v11L13.5 8Z", pause: "M4 3h3v10H4ZM9 3h3v10H9Z", plus: "M7 3h2v4h4v2H9v4H7V9H3V7h4Z", minus: "M3 7h10v2H3Z",
  left: "M10.5 2.5 5 8l5.5 5.5", right: "M5.5 2.5 11 8l-5.5 5.5", close: "m3.5 3.5 9 9m0-9-9 9",
};

const readData = () => JSON.parse(document.getElementById("data").textContent);

const isDark = () => document.documentElement.dataset.theme === "dark";

// A button between the schemes; `changed` is called whenever colours are to be read again.
function themeButton(changed) {
  const button = h("button", { id: "theme", type: "button", class: "icon", onclick: () => show(!isDark()) });
  const show = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "☀" : "☾";
    button.title = dark ? "Light scheme" : "Dark scheme";
    button.setAttribute("aria-label", button.title);
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => show(event.matches));
  show(isDark());
  return button;
}
