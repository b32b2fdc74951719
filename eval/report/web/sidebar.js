// Beside the view: who drove, against whom, the moments of failure, the metrics, the layers.

function sidebar(player) {
  return [chooser(player), moments(player), hits(player), whatIf(player), costTerms(player), values(player), layerToggles(player), keys()].filter(Boolean);
}

function chooser(player) {
  const drove = player.data.rows.filter((row) => row.scenario === player.scenario).map((row) => row.column);
  const held = player.data.playbacks[player.scenario] || {};
  const name = (c) => player.data.columns[c].label;
  const tabs = drove.map((c) => h("button", { type: "button", class: "tab", "aria-pressed": String(c === player.column),
    onclick: () => player.open(player.scenario, c, player.other === c ? null : player.other) }, mark(c), " ", name(c)));
  const others = drove.filter((c) => c !== player.column && held[c]);
  const beside = h("select", { id: "beside", onchange: (event) =>
    player.open(player.scenario, player.column, event.target.value === "" ? null : Number(event.target.value)) },
  h("option", { value: "" }, "nobody"), others.map((c) => h("option", { value: c, selected: c === player.other }, name(c))));
  const ghosts = h("label", { class: "check" }, h("input", { id: "ghosts", type: "checkbox", checked: player.ghosts || false,
    onchange: (event) => player.setGhosts(event.target.checked) }), "overlaid, as a ghost");
  return h("section", {}, h("h3", {}, "Drive"), h("div", { class: "tabs" }, tabs),
    others.length && held[player.column] ? h("label", { class: "field inline" }, h("span", {}, "against"), beside) : null,
    player.other === null ? null : ghosts);
}

function moments(player) {
  if (!player.views.length) return null;
  const found = player.views.flatMap(({ drive, letter }, v) => drive.failures.map(([name, instant]) =>
    h("button", { type: "button", class: `moment v${v}`, "data-failure": name, onclick: () => player.jump(instant) },
      h("span", {}, "✕ ", letter ? `${letter}: ` : "", player.failureName(name)), h("span", {}, `${number(instant * drive.dt, 1)} s`))));
  const whole = player.views.flatMap((view) => untimed(player, view));
  return h("section", {}, h("h3", {}, "Failures"), found.length ? h("div", { class: "moments" }, found) : null, whole,
    found.length || whole.length ? null : h("p", { class: "good" }, "✓ Nothing failed"));
}

// What failed at no instant of its own, such as the time that a drive took.
function untimed(player, { drive, column, letter }) {
  const row = player.data.rows.find((one) => one.scenario === player.scenario && one.column === column);
  const timed = new Set(drive.failures.map(([name]) => name));
  return row.failed.filter((key) => !timed.has(key)).map((key) =>
    h("p", { class: "bad" }, "✕ ", letter ? `${letter}: ` : "", player.failureName(key)));
}

// Whom the ego hit, whosever fault it was, and when.
function hits(player) {
  const found = player.views.flatMap(({ drive, letter }) => drive.hits.map(([agent, instant]) =>
    h("button", { type: "button", class: "moment", "data-hit": agent, onclick: () => player.jump(instant) },
      h("span", {}, "✕ ", letter ? `${letter}: ` : "", `${kindOf(drive, agent)} ${drive.scene.ids[agent].slice(0, 12)}`),
      h("span", {}, `${number(instant * drive.dt, 1)} s`))));
  return found.length ? h("section", { title: "Boxes overlap, whosever fault it is" }, h("h3", {}, "Who is hit"),
    h("div", { class: "moments" }, found)) : null;
}

function values(player) {
  const columns = [player.column, player.other].filter((c) => c !== null);
  const rows = columns.map((c) => player.data.rows.find((row) => row.scenario === player.scenario && row.column === c));
  const body = player.data.metrics.map((metric, m) => h("tr", {}, h("th", { scope: "row" }, metric.title),
    rows.map((row) => h("td", { class: row.failed.includes(metric.key) ? "bad" : null },
      row.failed.includes(metric.key) ? "✕ " : "", number(row.values[m])))));
  const head = columns.length > 1 ? h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, "A"), h("th", { scope: "col" }, "B"))) : null;
  const film = rows[0].video ? h("p", {}, h("a", { href: rows[0].video }, "Film (mp4)")) : null;
  return h("details", { open: true }, h("summary", {}, "Metrics"), h("table", { class: "values" }, head, h("tbody", {}, body)), film);
}

// The terms of the plan's cost at the instant that is shown; `player.showTerms` fills them in.
function costTerms(player) {
  const view = player.views.find(({ drive }) => drive.arrays.terms);
  player.showTerms = () => {};
  if (!view) return null;
  const body = h("tbody");
  player.showTerms = (k) => body.replaceChildren(...view.drive.terms(k).map(([name, ...plans]) =>
    h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), plans.map((value) => h("td", {}, number(value, 2))))));
  const head = h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, "Plan"), h("th", { scope: "col" }, "Second")));
  return h("details", { open: true, id: "terms" }, h("summary", {}, "Cost, term by term", view.letter ? ` (${view.letter})` : ""),
    h("table", { class: "values" }, head, body));
}

// What others are expected to do if the ego goes and if it waits; `player.showWhatIf` fills it in.
function whatIf(player) {
  const view = player.views.find(({ drive }) => drive.arrays.what_way);
  player.showWhatIf = () => {};
  if (!view) return null;
  const body = h("tbody"), share = (value) => h("td", {}, `${value} %`);
  const row = (name, ...cells) => h("tr", {}, h("th", { scope: "row" }, name), cells);
  player.showWhatIf = (k) => {
    const rows = view.drive.whatIf(k).flatMap(({ agent, slower, hit, change }) => {
      const name = `${view.drive.scene.ids[agent].slice(0, 8)} ${kindOf(view.drive, agent)}`;
      return [h("tr", {}, h("th", { scope: "rowgroup", colspan: 5 }, name)), row("slower", slower.map(share)),
        row("hit", h("td"), hit.map(share)), row("differs", h("td"), change.map(share))];
    });
    body.replaceChildren(...(rows.length ? rows : [row("It matters to nobody", ["", "", "", ""].map((text) => h("td", {}, text)))]));
  };
  const heads = [["Alone", null], ["Goes", "goes"], ["Waits", "waits"], ["Plan", null]].map(([text, name]) =>
    h("th", { scope: "col" }, name ? h("i", { class: `way ${name}` }) : null, text));
  return h("details", { open: true, id: "what-if" }, h("summary", {}, "If the ego goes, if it waits", view.letter ? ` (${view.letter})` : ""),
    h("table", { class: "values" }, h("thead", {}, h("tr", {}, h("td"), heads)), body));
}

function layerToggles(player) {
  if (!player.views.length) return null;
  const needs = { candidates: "candidates", forecast: "forecast", occupancy: "occupancy", "what-if": "what_way", perceived: "perceived" };
  const present = LAYERS.filter(([name]) => !needs[name] || player.views.some(({ drive }) => drive.arrays[needs[name]]));
  return h("details", { open: true }, h("summary", {}, "Layers"), h("div", { class: "layers" }, present.map(([name, label]) =>
    h("label", { class: "check" }, h("input", { type: "checkbox", "data-layer": name, checked: player.layers[name], onchange: (event) => {
      player.layers[name] = event.target.checked;
      player.redraw();
    } }), h("span", { class: `swatch ${name} c${player.column % 8}`, "aria-hidden": "true" }), label))),
  h("p", { class: "kinds" }, ["ego", ...KINDS, "hit"].map((kind) => h("span", {}, h("i", { class: `kind ${kind} c${player.column % 8}` }), kind))));
}

const keys = () => h("details", {}, h("summary", {}, "Keys"), h("dl", { class: "keys" },
  [["space", "play, pause"], ["← →", "one step (shift: ten)"], ["n", "next failure"], ["j k", "next drive, drive before"], ["f", "follow the ego"], ["c", "all curves"],
    ["+ −", "zoom"], ["Esc", "close"]].map(([key, does]) => [h("dt", {}, key), h("dd", {}, does)])));
