// Under the view: the scrub bar with the failures marked, and a lane for each curve on the same axis.

const MOTION = [
  { key: "speed_mps", label: "Speed", unit: "m/s", kind: "value" },
  { key: "acceleration_mps2", label: "Acceleration", unit: "m/s²", kind: "value" },
];

// The motion, what must hold at every instant, the other curves; the score's at the end.
function lanesOf({ curves, score }) {
  const rank = ({ key, kind }) => (kind === "pass" ? 0 : key === score ? 2 : 1);
  return [...MOTION, ...[...curves].sort((a, b) => rank(a) - rank(b))];
}

class Timeline {
  constructor(player) {
    this.player = player;
    this.cursor = h("div", { class: "cursor", "aria-hidden": "true" });
    this.marks = h("div", { class: "marks" });
    this.knob = h("div", { class: "knob" });
    this.done = h("div", { class: "done" });
    this.times = h("div");
    this.bar = h("div", { id: "scrub", class: "scrub", role: "slider", tabindex: 0, "aria-label": "Time", "aria-valuemin": 0 },
      h("div", { class: "rail" }, this.done), this.times, this.marks, this.knob);
    this.lanes = h("div", { class: "lanes" });
    this.plot = h("div", { class: "plotarea" }, this.bar, this.lanes, this.cursor);
    this.names = h("div", { class: "lanenames", "aria-hidden": "true" });
    this.values = h("div", { class: "lanevalues", "aria-hidden": "true" });
    this.element = h("div", { class: "timeline" }, this.names, this.plot, this.values);
    this.#drag();
  }

  #drag() {
    const seek = (event) => {
      const box = this.plot.getBoundingClientRect();
      this.player.seek(((event.clientX - box.left) / box.width) * this.player.last, true);
    };
    this.plot.addEventListener("pointerdown", (event) => {
      if (event.target.closest(".flag")) return;
      this.plot.setPointerCapture(event.pointerId);
      this.player.pause();
      seek(event);
      if (event.target.closest(".scrub")) this.bar.focus();
    });
    this.plot.addEventListener("pointermove", (event) => {
      if (this.plot.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  // `views`: the drives shown, the first as the main one.
  show(views) {
    this.views = views;
    const { last } = this.player, dt = views[0].drive.dt;
    this.bar.setAttribute("aria-valuemax", last);
    this.times.replaceChildren(axis(timeTicks(last * dt), (time) => time / (last * dt), "s"));
    this.marks.replaceChildren(...views.flatMap(({ drive, letter }, v) => drive.failures.map(([name, instant]) => {
      const title = `${letter ? `${letter}: ` : ""}${this.player.failureName(name)} at ${number(instant * dt, 1)} s`;
      return h("button", { type: "button", class: `flag v${v}`, tabindex: -1, title, "aria-label": `Jump to ${title}`,
        style: `left:${percent(instant / last)}`, onclick: () => this.player.jump(instant) }, "✕");
    })));
    const present = lanesOf(this.player.data).filter(({ key }) => views.some(({ drive }) => drive.curve(key)));
    this.shown = present;
    this.names.replaceChildren(h("div", { class: "lane lead" }), ...present.map((lane) => this.#name(lane)));
    this.lanes.replaceChildren(...present.map((lane) => this.#lane(lane)));
    this.cells = present.map(({ kind }) => h("div", { class: `lane ${kind}` }));
    this.clock = h("div", { class: "lane lead" });
    this.values.replaceChildren(this.clock, ...this.cells);
  }

  // The label of a lane, and the range of its values.
  #name({ key, label, unit, kind }) {
    const [least, most] = this.#range(key);
    const range = kind === "pass" ? null : h("small", {}, kind === "share" ? "0 to 1" : `${number(least, 1)} to ${number(most, 1)} ${unit}`);
    return h("div", { class: `lane ${kind}` }, h("span", {}, label), range);
  }

  // Least and greatest value of a curve, 0 among them.
  #range(key) {
    const all = this.views.flatMap(({ drive }) => [...(drive.curve(key) || [])]);
    return [Math.min(0, ...all), Math.max(0, ...all)];
  }

  #lane({ key, label, kind }) {
    const lane = h("div", { class: `lane ${kind}`, "data-curve": key });
    const drives = this.views.filter(({ drive }) => drive.curve(key));
    if (kind === "pass") {
      lane.append(...drives.map(({ drive }, v) => h("div", { class: `strip v${v}` }, falls(drive.curve(key)).map(([from, to]) =>
        h("span", { class: "fall", style: `left:${percent(from / this.player.last)};width:${percent((to - from) / this.player.last)}` })))));
      return lane;
    }
    const isShare = kind === "share", [least, most] = this.#range(key);
    const low = isShare ? 0 : least, high = isShare ? 1 : Math.max(most, least + 1);
    const y = (value) => 93 - (86 * (value - low)) / (high - low);
    const drawing = svg("svg", { viewBox: `0 0 ${this.player.last} 100`, preserveAspectRatio: "none", role: "img",
      "aria-label": `${label} over time` });
    if (low < 0) drawing.append(svg("line", { class: "zero", x1: 0, x2: this.player.last, y1: y(0), y2: y(0) }));
    drives.forEach(({ drive, column }, v) => {
      const color = `c${column % 8}`;
      const curve = drive.curve(key), d = Array.from(curve, (value, k) => `${k ? "L" : "M"}${k} ${y(value).toFixed(1)}`).join("");
      if (v === 0) drawing.append(svg("path", { class: `area ${color}`, d: `${d}L${curve.length - 1} ${y(Math.max(low, 0))}L0 ${y(Math.max(low, 0))}Z` }));
      drawing.append(svg("path", { class: `curve v${v} ${color}`, d }));
    });
    lane.append(drawing);
    return lane;
  }

  update(t) {
    const at = percent(t / Math.max(1, this.player.last)), k = Math.floor(t), { dt } = this.views[0].drive;
    this.cursor.style.left = this.knob.style.left = this.done.style.width = at;
    this.bar.setAttribute("aria-valuenow", k);
    this.bar.setAttribute("aria-valuetext", `${number(k * dt, 1)} s`);
    this.shown.forEach(({ key, kind }, c) => {
      const texts = this.views.map(({ drive }) => {
        const curve = drive.curve(key), value = curve ? curve[Math.min(k, drive.last)] : null;
        if (kind === "pass") return value === null ? "–" : value < 1 ? "✕" : "✓";
        return number(value, kind === "value" ? 1 : 2);
      });
      this.cells[c].textContent = texts.join(" | ");
      this.cells[c].classList.toggle("bad", kind === "pass" && texts.includes("✕"));
    });
  }
}

// Whole seconds from 0 on, not more than nine, and the end.
function timeTicks(end) {
  const step = [1, 2, 5, 10, 20, 50, 100].find((s) => end / s <= 8) || end;
  const whole = Array.from({ length: Math.ceil(end / step) }, (_, k) => k * step);
  return [...whole.filter((time) => time < end - 0.6 * step), end];
}

// The stretches [from, to) in which a curve is below 1.
function falls(curve) {
  const stretches = [];
  for (let k = 0; k < curve.length; k++) {
    if (curve[k] >= 1) continue;
    const open = stretches[stretches.length - 1];
    if (open && open[1] === k) open[1] = k + 1;
    else stretches.push([k, k + 1]);
  }
  return stretches;
}
