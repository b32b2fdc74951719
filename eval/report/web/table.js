// The table of scenarios: sorted, filtered, searched, walked through by keyboard.

const PAGE_ROWS = 150;

class ScenarioTable {
  constructor(data, open) {
    this.data = data;
    this.open = open;
    this.sort = { column: "score", up: true };
    this.shown = [];
    this.#build();
    this.#buildHead();
    this.update();
  }

  #build() {
    const tags = [...new Set(this.data.scenarios.flatMap((scenario) => scenario.tags))].sort();
    const families = [...new Set(this.data.scenarios.map((scenario) => scenario.family))].sort();
    const kinds = this.data.metrics.filter((metric) => this.data.failures[metric.key]);
    const select = (id, label, options) => h("label", { class: "field" }, h("span", {}, label),
      h("select", { id, onchange: () => this.update() }, options.map(([value, text]) => h("option", { value }, text))));
    this.count = h("p", { class: "note", role: "status", id: "count" });
    this.head = h("tr", {});
    this.body = h("tbody", {});
    this.more = h("button", { type: "button", class: "more", onclick: () => this.#append() });
    this.sight = new IntersectionObserver((entries) => { if (entries[0].isIntersecting) this.#append(); }, { rootMargin: "400px" });
    this.table = h("table", { id: "scenarios" }, h("thead", {}, this.head), this.body);
    this.element = h("section", { class: "panel", "aria-label": "Scenarios" }, h("h2", {}, "Scenarios"),
      this.data.missing ? h("p", { class: "missing" }, this.data.missing) : null,
      h("div", { class: "toolbar" },
        h("label", { class: "field search" }, h("span", {}, "Search"),
          h("input", { id: "search", type: "search", placeholder: "id, tag, planner", oninput: () => this.update() })),
        select("by-family", "Family", [["", "all"], ...families.map((family) => [family, family])]),
        tags.length ? select("by-tag", "Tag", [["", "all"], ...tags.map((tag) => [tag, spaced(tag)])]) : null,
        select("by-column", this.data.compares ? "Run and planner" : "Planner",
          [["", "all"], ...this.data.columns.map((column, c) => [c, column.label])]),
        select("by-failure", "Failed", [["", "any result"], ["*", "anything"], ["-", "nothing"],
          ...kinds.map((metric) => [metric.key, this.data.failures[metric.key]])]),
        h("label", { class: "check" }, h("input", { type: "checkbox", id: "all-metrics",
          onchange: () => { this.#buildHead(); this.update(); } }), "all metrics"),
        h("button", { type: "button", id: "reset", onclick: () => this.filter({}) }, "Reset")),
      this.count,
      h("div", { class: "wide", tabindex: -1 }, this.table), this.more);
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #control(id) { return this.element.querySelector(`#${id}`); }

  #metrics() {
    const all = this.#control("all-metrics").checked;
    return this.data.metrics.map((metric, m) => ({ ...metric, m })).filter((metric) => all || metric.is_brief);
  }

  #buildHead() {
    const numeric = this.#metrics().map(({ key, title, m }) => ({
      id: key === this.data.score ? "score" : key, label: title, value: (row) => row.values[m], number: true }));
    const score = numeric.filter((column) => column.id === "score");
    this.columns = [
      { id: "scenario", label: "Scenario", value: (row) => this.data.scenarios[row.scenario].key },
      { id: "family", label: "Family", value: (row) => this.data.scenarios[row.scenario].family },
      { id: "planner", label: this.data.compares ? "Run/planner" : "Planner", value: (row) => this.data.columns[row.column].label },
      ...score, { id: "failed", label: "Failed", value: (row) => row.failed.length, number: true },
      ...numeric.filter((column) => column.id !== "score")];
    this.head.replaceChildren(...this.columns.map((column) => {
      const button = h("button", { type: "button", onclick: () => {
        this.sort = { column: column.id, up: this.sort.column === column.id ? !this.sort.up : true };
        this.update();
      } }, column.label, h("span", { class: "arrow", "aria-hidden": "true" }));
      return h("th", { scope: "col", "data-column": column.id, class: column.number && column.id !== "failed" ? "number" : null }, button);
    }));
  }

  // Set the filters named, clear the others, and go to the table.
  filter({ family = "", tag = "", column = "", failed = "" }) {
    this.#control("search").value = "";
    this.#control("by-family").value = family;
    if (this.#control("by-tag")) this.#control("by-tag").value = tag;
    this.#control("by-column").value = String(column);
    this.#control("by-failure").value = failed;
    this.update();
    this.element.scrollIntoView({ block: "start" });
  }

  update() {
    const words = this.#control("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const family = this.#control("by-family").value, column = this.#control("by-column").value;
    const failure = this.#control("by-failure").value, tag = this.#control("by-tag")?.value;
    const passes = (row) => {
      const scenario = this.data.scenarios[row.scenario];
      if (family && scenario.family !== family) return false;
      if (tag && !scenario.tags.includes(tag)) return false;
      if (column !== "" && row.column !== Number(column)) return false;
      if (failure === "*" ? !row.failed.length : failure === "-" ? row.failed.length : failure && !row.failed.includes(failure)) return false;
      const text = `${scenario.key} ${scenario.family} ${scenario.tags.map((name) => `${name} ${spaced(name)}`).join(" ")} ${this.data.columns[row.column].label}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const { value } = this.columns.find((c) => c.id === this.sort.column) || this.columns[0];
    const sign = this.sort.up ? 1 : -1;
    const order = (p, q) => {
      const [a, b] = [value(p), value(q)];
      if (a === null || b === null || a === undefined || b === undefined) return (a == null) - (b == null);
      return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
    };
    this.shown = this.data.rows.filter(passes).sort((p, q) => order(p, q) || p.scenario - q.scenario || p.column - q.column);
    this.body.replaceChildren();
    this.#append();
    this.count.textContent = `${this.shown.length} of ${plural(this.data.rows.length, "drive")}`;
    for (const head of this.head.children) {
      const sorted = head.dataset.column === this.sort.column;
      head.setAttribute("aria-sort", sorted ? (this.sort.up ? "ascending" : "descending") : "none");
    }
  }

  #append() {
    const begin = this.body.rows.length;
    this.body.append(...this.shown.slice(begin, begin + PAGE_ROWS).map((row) => this.#row(row)));
    const left = this.shown.length - this.body.rows.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show more (${left})`;
    this.sight.unobserve(this.more); // seen anew, it is told of again, even if it never left the sight
    this.sight.observe(this.more);
  }

  #row(row) {
    const playable = Boolean(this.data.playbacks[row.scenario]?.[row.column]);
    const cells = this.columns.map((column) => {
      const value = column.value(row);
      if (column.id === "scenario") {
        return h("th", { scope: "row" }, h("button", { type: "button", class: "open",
          title: playable ? "Open the playback" : "No playback in this page: open the metrics" },
        h("span", { class: playable ? "cue" : "cue none", "aria-hidden": "true" }, playable ? "▶" : "·"), h("span", {}, value)),
        this.#tags(row));
      }
      if (column.id === "planner") return h("td", { class: "planner" }, mark(row.column), " ", value);
      if (column.id === "failed") return h("td", { class: "failed" }, this.#chips(row));
      if (column.id === "score") {
        return h("td", { class: "score number", "data-label": column.label }, h("span", { class: "meter", "aria-hidden": "true" },
          h("span", { style: `width:${percent(value ?? 0)}` })), h("span", {}, number(value)));
      }
      return h("td", { class: column.number ? "number" : column.id, "data-label": column.label }, column.number ? number(value) : value);
    });
    return h("tr", { onclick: () => this.open(row.scenario, row.column) }, cells);
  }

  #tags(row) {
    const tags = this.data.scenarios[row.scenario].tags;
    return tags.length ? h("div", { class: "tags" }, tags.map((tag) => h("button", { type: "button", class: "tag", title: "Only scenarios in which this happens",
      onclick: (event) => { event.stopPropagation(); this.filter({ tag }); } }, spaced(tag)))) : null;
  }

  #chips(row) {
    return row.failed.map((key) =>
      h("span", { class: "chip bad" }, "✕ ", this.data.failures[key]));
  }

  #onKey(event) {
    if (event.target.matches("input, select")) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step && this.move(step)) event.preventDefault();
  }

  // Focus the next or the previous row; false where there is none.
  move(step) {
    const buttons = [...this.body.querySelectorAll("button.open")];
    const now = buttons.indexOf(document.activeElement);
    const next = buttons[now < 0 ? 0 : now + step];
    if (!next) return false;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  // The row after or before a drive, in the order shown.
  neighbor(scenario, column, step) {
    const now = this.shown.findIndex((row) => row.scenario === scenario && row.column === column);
    return now < 0 ? undefined : this.shown[now + step];
  }

  focusRow(scenario, column) {
    const now = this.shown.findIndex((row) => row.scenario === scenario && row.column === column);
    this.body.rows[now]?.querySelector("button.open").focus();
  }
}
