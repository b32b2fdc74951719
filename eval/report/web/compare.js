// Two columns, paired by scenario: differences with intervals, wins and losses, score against score.

function compareSection(data, open) {
  if (!data.pairs.length) return null;
  const first = firstPair(data);
  const choice = (label, value) => h("select", { "aria-label": label, onchange: show },
    data.columns.map((column, c) => h("option", { value: c, selected: c === value }, column.label)));
  const a = choice("First of the comparison (A)", first.a), b = choice("Second of the comparison (B)", first.b);
  const body = h("div", { class: "body", "aria-live": "polite" });
  function show() {
    body.replaceChildren(...comparison(data, Number(a.value), Number(b.value), open));
  }
  show();
  return h("section", { id: "compare", class: "panel", "aria-label": "Comparison" },
    h("h2", {}, "Comparison"),
    h("div", { class: "versus" }, h("label", {}, h("b", {}, "A"), a), h("span", {}, "against"), h("label", {}, h("b", {}, "B"), b)),
    body);
}

// Compared first: of several runs the planner whose score differs most between two of them.
function firstPair(data) {
  const planner = (c) => data.columns[c].label.split("/").pop();
  const gap = (pair) => Math.abs(pair.metrics[0]?.difference[0] ?? 0);
  const same = data.pairs.filter(({ a, b }) => data.compares && planner(a) === planner(b));
  return same.sort((p, q) => gap(q) - gap(p))[0] || data.pairs[0];
}

function comparison(data, a, b, open) {
  if (a === b) return [h("p", { class: "note" }, "Choose two different columns.")];
  const pair = data.pairs.find((p) => (p.a === a && p.b === b) || (p.a === b && p.b === a));
  if (!pair) return [h("p", { class: "note" }, "These two have no scenario in common.")];
  const sign = pair.a === a ? 1 : -1;
  const rows = pair.metrics.map((row) => (sign === 1 ? row : turned(row)));
  const points = pairedScores(data, a, b);
  const few = pair.common < data.least_pairs ? h("p", { class: "missing" },
    `${plural(pair.common, "pair")}: too few pairs to tell who is better (${data.least_pairs} at least).`) : null;
  const tests = data.pairs.flatMap((p) => p.metrics).filter(({ p }) => p !== null).length;
  return [
    h("p", { class: "common" }, h("b", {}, plural(pair.common, "scenario")), " in common, paired by id. Differences are B − A."),
    few,
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Differences, scrolls sideways" }, forest(data, rows)),
    h("p", { class: "note" }, "p: how often chance alone would make so large a difference (the signs of the differences flipped), ",
      `corrected for the ${tests} comparisons of this page (Holm). ▲ better and ▼ worse are only said where it is below 0.05, `,
      `of ${data.least_pairs} pairs or more. Each 95 % interval stands for itself: it is not corrected. ↓: lower is better.`),
    h("div", { class: "pairplots" }, scatter(data, points, a, b, open), ranking(data, points, a, b, open)),
  ].filter(Boolean);
}

const TURNED = { better: "worse", worse: "better" };

// The same, of A against B.
function turned(row) {
  const minus = (v) => (v === null ? null : -v || 0);
  const [mean, low, high, count] = row.difference, [wins, losses, ties] = row.wins_losses_ties;
  return { ...row, means: [row.means[1], row.means[0]], difference: [minus(mean), minus(high), minus(low), count],
    wins_losses_ties: [losses, wins, ties], verdict: TURNED[row.verdict] || row.verdict };
}

// What may be said of column `b` against column `a`: better, worse, same, few (pairs).
function verdictOf(data, a, b, metric) {
  const pair = data.pairs.find((p) => (p.a === a && p.b === b) || (p.a === b && p.b === a));
  if (!pair) return "few";
  const row = pair.metrics[metric];
  return (pair.a === a ? row : turned(row)).verdict;
}

const FINDINGS = { better: "▲ better", worse: "▼ worse", same: "no clear difference", few: "too few pairs to tell" };

// The least of 1, 2, 5, 10, 20 ... (times a power of ten) that is not below the value; of 0: 1.
function roundUp(value) {
  if (!value) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999999);
}

function forest(data, rows) {
  const reach = (row) => Math.max(...row.difference.slice(0, 3).map((v) => Math.abs(v ?? 0)));
  const shared = roundUp(Math.max(0.01, ...rows.filter((_, m) => !data.metrics[m].unit).map(reach)));
  const placeOn = (span) => (value) => 0.5 + (0.46 * value) / span;
  const body = rows.map((row, m) => {
    const metric = data.metrics[m], [mean, low, high, count] = row.difference;
    const [wins, losses, ties] = row.wins_losses_ties, { verdict } = row;
    const span = metric.unit ? roundUp(reach(row)) : shared, place = placeOn(span), at = (value) => percent(place(value));
    const plot = count ? h("div", { class: `forest ${verdict}` },
      [-span, -span / 2, 0, span / 2, span].map((tick) => h("span", { class: tick ? "grid" : "grid zero", style: `left:${at(tick)}` })),
      low === null ? null : h("span", { class: "band", style: `left:${at(low)};right:calc(100% - ${at(high)})` }),
      h("span", { class: "tick", style: `left:${at(mean)}` })) : null;
    const own = count && metric.unit ? axis([-span, 0, span], place) : null;
    const total = Math.max(1, wins + losses + ties);
    return h("tr", { "data-metric": metric.key },
      h("th", { scope: "row", title: metric.source }, metric.title, metric.higher_is_better ? null : h("small", {}, " ↓")),
      h("td", { "data-label": "A" }, number(row.means[0])), h("td", { "data-label": "B" }, number(row.means[1])),
      h("td", { class: `delta ${verdict}`, "data-label": "B − A" }, count ? signed(mean) : "–",
        h("small", {}, low === null ? "" : `${signed(low)} to ${signed(high)}`)),
      h("td", { class: "plot" }, plot, own),
      h("td", { class: "p", "data-label": "p" }, chance(row.corrected_p), h("small", {}, count ? `alone ${chance(row.p)}` : "")),
      h("td", { class: `finding ${verdict}` }, count ? FINDINGS[verdict] : "no pair"),
      h("td", { class: "record", title: `${wins} won, ${ties} tied, ${losses} lost by B`, "data-label": "B won / tied / lost" },
        h("span", { class: "stack" },
          h("span", { class: "better", style: `width:${percent(wins / total)}` }),
          h("span", { class: "tie", style: `width:${percent(ties / total)}` }),
          h("span", { class: "worse", style: `width:${percent(losses / total)}` })),
        h("span", { class: "wlt" }, `${wins} / ${ties} / ${losses}`)));
  });
  const scale = h("div", {}, "B − A, 95 % interval", axis([-shared, -shared / 2, 0, shared / 2, shared], placeOn(shared)));
  const heads = ["Metric", "A", "B", "B − A", scale, "p, corrected", "B is", "B won / tied / lost"];
  return h("table", { class: "forests" },
    h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, body));
}

const chance = (p) => (p !== null && p < 0.001 ? "< 0.001" : number(p));

// Scenarios that both columns hold, with both scores.
function pairedScores(data, a, b) {
  const m = data.metrics.findIndex((metric) => metric.key === data.score);
  const scores = (c) => new Map(data.rows.filter((row) => row.column === c).map((row) => [row.scenario, row.values[m]]));
  const [of_a, of_b] = [scores(a), scores(b)];
  return [...of_a].filter(([s, v]) => v !== null && (of_b.get(s) ?? null) !== null)
    .map(([scenario, v]) => ({ scenario, a: v, b: of_b.get(scenario) }));
}

function scatter(data, points, a, b, open) {
  const size = 300, edge = 42, span = size - edge - 12;
  const x = (v) => edge + v * span, y = (v) => size - edge - v * span;
  const groups = new Map(); // points that would lie on top of each other
  for (const p of points) {
    const place = `${p.a.toFixed(2)} ${p.b.toFixed(2)}`;
    groups.set(place, [...(groups.get(place) || []), p]);
  }
  const dots = [...groups.values()].map((members) => {
    const { a: left, b: right, scenario } = members[0];
    const verdict = Math.abs(left - right) < 1e-9 ? "tie" : right > left ? "better" : "worse";
    const names = members.slice(0, 8).map((p) => data.scenarios[p.scenario].key).join(", ");
    const title = `${members.length > 8 ? `${names} and ${members.length - 8} more` : names}: A ${number(left)}, B ${number(right)}`;
    const shown = svg("g", { class: `point ${verdict}`, tabindex: 0, role: "button", "aria-label": `${title}. Open`,
      onclick: () => open(scenario, a, b),
      onkeydown: (event) => { if (event.key === "Enter") open(scenario, a, b); } },
    svg("title", {}, title),
    svg("circle", { cx: x(left), cy: y(right), r: 4 + 1.8 * Math.sqrt(members.length - 1) }));
    if (members.length > 3) shown.append(svg("text", { x: x(left), y: y(right) + 3.5 }, String(members.length)));
    return shown;
  });
  const ticks = [0, 0.5, 1].flatMap((v) => [
    svg("line", { class: "grid", x1: x(v), x2: x(v), y1: y(0), y2: y(1) }),
    svg("line", { class: "grid", x1: x(0), x2: x(1), y1: y(v), y2: y(v) }),
    svg("text", { class: "label", x: x(v), y: y(0) + 15 }, String(v)),
    svg("text", { class: "label end", x: x(0) - 6, y: y(v) + 4 }, String(v))]);
  return h("figure", { class: "scatter" }, h("figcaption", {}, "Each scenario's scores; above the line B has the higher one. A click opens it."),
    svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "group", "aria-label": "Score of A against score of B" },
      ticks, svg("line", { class: "diagonal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
      svg("text", { class: "label", x: x(0.5), y: size - 4 }, "Score of A"),
      svg("text", { class: "label", transform: `translate(10 ${y(0.5)}) rotate(-90)` }, "Score of B"), dots));
}

function ranking(data, points, a, b, open) {
  const largest = points.filter((p) => Math.abs(p.b - p.a) > 1e-9)
    .sort((p, q) => Math.abs(q.b - q.a) - Math.abs(p.b - p.a) || p.scenario - q.scenario).slice(0, 12);
  const most = Math.max(...largest.map((p) => Math.abs(p.b - p.a)));
  const items = largest.map((p) => {
    const gap = p.b - p.a, side = gap > 0 ? "better" : "worse";
    return h("li", {}, h("button", { type: "button", onclick: () => open(p.scenario, a, b) },
      h("span", { class: "name" }, data.scenarios[p.scenario].key),
      h("span", { class: `diverging ${side}` }, h("span", { style: `width:${percent(Math.abs(gap) / (2 * most))}` })),
      h("span", { class: "count" }, signed(gap, 2))));
  });
  return h("div", { class: "ranking" }, h("h3", {}, "Largest differences in score (B − A)"),
    items.length ? h("ol", {}, items) : h("p", { class: "note" }, "Every scenario has the same score."));
}
