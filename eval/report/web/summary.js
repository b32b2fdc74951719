// The head of a report: what ran, one card per column, score by family, all metrics.

function summarySection(data, filter) {
  return h("section", { id: "summary", "aria-label": "Summary" },
    h("p", { class: "facts" }, [...data.facts, plural(data.count, "scenario")].join(" · ")),
    h("div", { class: "cards" }, data.columns.map((column, c) => card(data, column, c, filter))));
}

function card(data, column, c, filter) {
  const [mean, low, high, count] = column.means[data.metrics.findIndex((m) => m.key === data.score)] || [];
  const most = Math.max(1, column.scenarios);
  const failures = column.failures.map(([key, times]) => {
    const name = data.failures[key];
    return h("button", { type: "button", class: times ? "failure" : "failure none", disabled: !times,
      onclick: () => filter({ column: c, failed: key }),
      "aria-label": `${name}: ${plural(times, "scenario")} failed. Show them` },
    h("span", { class: "name" }, name),
    h("span", { class: "bar" }, h("span", { style: `width:${percent(times / most)}` })),
    h("span", { class: "count" }, times || "–"));
  });
  return h("article", { class: `card c${c % 8}` },
    h("h2", {}, mark(c, 14), h("span", {}, column.label)),
    h("p", { class: "figure" }, number(mean), h("small", {}, "score")),
    count ? intervalTrack([mean, low, high], c) : null,
    h("p", { class: "interval" }, !count ? "no score" : low === null ? "one scenario: no interval"
      : `95 % interval ${number(low)} to ${number(high)}`),
    h("p", { class: "clean" }, h("b", {}, column.clean), ` of ${plural(column.scenarios, "scenario")} without a failure`),
    h("div", { class: "failures" }, failures));
}

function familySection(data, filter) {
  return h("section", { class: "panel", "aria-label": "Score by family" },
    h("h2", {}, "Score by family"), legend(data.columns),
    familyChart(data, (family) => filter({ family })),
    h("p", { class: "note" }, "Means with 95 % intervals over scenarios, each for itself; a click filters the table."));
}

function metricsSection(data) {
  const head = h("tr", {}, h("th", { scope: "col" }, "Metric"),
    data.columns.map((column, c) => h("th", { scope: "col" }, mark(c), " ", breakable(column.label))));
  const rows = data.metrics.map((metric, m) => {
    const valued = data.columns.map((_, c) => c).filter((c) => data.columns[c].means[m][3]);
    const isBest = (c) => valued.length > 1 && valued.every((other) => other === c || verdictOf(data, other, c, m) === "better");
    return h("tr", {}, h("th", { scope: "row", title: metric.source }, metric.title, metric.higher_is_better ? null : h("small", {}, " ↓")),
      data.columns.map(({ label, means: { [m]: value } }, c) => h("td", { class: valued.includes(c) && isBest(c) ? "best" : null, "data-label": label },
        h("span", { class: "mean" }, number(value[0])),
        h("small", {}, value[1] === null ? "" : `${number(value[1])} to ${number(value[2])}`))));
  });
  return h("section", { class: "panel", "aria-label": "Metrics" }, h("h2", {}, "Metrics"),
    h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Metrics, scrolls sideways" },
      h("table", { class: "metrics" }, h("thead", {}, head), h("tbody", {}, rows))),
    h("p", { class: "note" }, "Mean and 95 % interval over scenarios; ↓: lower is better. ",
      data.columns.length > 1 ? `Bold: better than every other column, as the comparison says it of ${data.least_pairs} pairs or more.` : ""));
}

function skippedSection(data) {
  if (!data.skipped.length) return null;
  return h("section", { class: "panel", "aria-label": "Skipped scenarios" },
    h("h2", {}, `Skipped scenarios (${data.skipped.length})`),
    h("ul", { class: "skipped" }, data.skipped.map((entry) =>
      h("li", {}, h("b", {}, entry.scenario), " ", entry.reason))));
}
