// Small charts of HTML and SVG: a value with its interval on a line from 0 to 1, dots by family.

const short = (value) => String(Number(value.toPrecision(3))).replace("-", "−");

// Numbers under a line, at the places where they lie on it (0 to 1).
const axis = (ticks, placeOf = (tick) => tick, unit = "") => h("div", { class: "axis", "aria-hidden": "true" },
  ticks.map((tick, k) => h("span", { style: `left:${percent(placeOf(tick))}` }, short(tick), k === ticks.length - 1 && unit ? ` ${unit}` : "")));

function intervalTrack([mean, low, high], column) {
  return h("div", { class: `scale c${column % 8}` }, h("div", { class: "track" },
    low === null ? null : h("span", { class: "band", style: `left:${percent(low)};width:${percent(high - low)}` }),
    h("span", { class: "tick", style: `left:${percent(mean)}` })), axis([0, 0.5, 1]));
}

function intervalText([mean, low, high, count], digits = 3) {
  if (!count) return "no value";
  return `${number(mean, digits)} (${low === null ? "one value, no interval" : `${number(low, digits)} to ${number(high, digits)}`})`;
}

// One line per family, on it a dot with whiskers for each column; a click filters by the family.
function familyChart(data, chosen) {
  const families = [...new Set(data.scenarios.map((scenario) => scenario.family))].sort();
  const rows = families.map((family) => {
    const dots = data.columns.map((column, c) => {
      const value = column.families[family];
      if (!value || !value[3]) return null;
      const title = `${column.label}: ${intervalText(value)}, ${plural(value[3], "scenario")}`;
      return h("div", { class: `dotline c${c % 8}`, title },
        h("span", { class: "whisker", style: `left:${percent(value[1])};width:${percent(value[2] - value[1])}` }),
        h("span", { class: "dot", style: `left:${percent(value[0])}` }, mark(c, 11)));
    });
    const spoken = data.columns.map((column) =>
      column.families[family] ? `${column.label} ${number(column.families[family][0])}` : "").join(", ");
    return h("button", { type: "button", class: "familyline", "aria-label": `${family}: ${spoken}. Filter by it`,
      onclick: () => chosen(family) }, h("span", { class: "name" }, family), h("div", { class: "dots" }, dots));
  });
  return h("div", { class: data.columns.length > 3 ? "families dense" : "families" },
    h("div", { class: "familyline head" }, h("span", { class: "name" }, "Score, 0 to 1"), axis([0, 0.25, 0.5, 0.75, 1])), rows);
}

const legend = (columns) => h("p", { class: "legend" },
  columns.map((column, c) => h("span", {}, mark(c), " ", column.label)));
