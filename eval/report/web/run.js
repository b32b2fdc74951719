// The page of runs of `simulate`.

const data = readData();
const player = new Player(data, (scenario, column) => table.focusRow(scenario, column));
const open = (scenario, column, other = null) => whenWhole(() => player.open(scenario, column, other));
const table = new ScenarioTable(data, open);
player.table = table;

// The playbacks lie at the end of the page: wait for them if need be.
function whenWhole(action) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action, { once: true });
  else action();
}

document.getElementById("actions").append(themeButton(() => player.redraw()));
document.getElementById("report").append(...[
  summarySection(data, (wanted) => table.filter(wanted)),
  data.compares ? compareSection(data, open) : null,
  h("div", { class: data.columns.length > 3 ? "columns" : "columns narrow" },
    familySection(data, (wanted) => table.filter(wanted)), metricsSection(data)),
  table.element,
  data.compares ? null : compareSection(data, open),
  skippedSection(data),
].filter(Boolean), player.dialog);

addEventListener("keydown", (event) => {
  if (player.dialog.open || event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search").focus();
  } else if ((event.key === "j" || event.key === "k") && !table.element.contains(event.target)) table.move(event.key === "j" ? 1 : -1);
});

whenWhole(() => {
  const [scenario, column, other = null] = location.hash.slice(1).split("/").filter((part) => /^\d+$/.test(part)).map(Number);
  if (data.scenarios[scenario] && data.columns[column]) player.open(scenario, column, other);
});

// For the console, and for tests.
globalThis.report = { data, player, table };
