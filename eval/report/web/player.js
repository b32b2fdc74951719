// The dialog in which a scenario is played: one drive, or two in step.

const SPEEDS = [0.5, 1, 2, 4];

class Player {
  constructor(data, closed) {
    this.data = data;
    this.t = 0;
    this.last = 1;
    this.speed = 1;
    this.layers = Object.fromEntries(LAYERS.map(([name, , on]) => [name, on]));
    this.camera = new Camera(() => this.redraw());
    this.panes = [new Pane(this), new Pane(this)];
    this.timeline = new Timeline(this);
    this.#build();
    this.dialog.addEventListener("close", () => {
      this.pause();
      history.replaceState(null, "", location.pathname + location.search);
      closed(this.scenario, this.column);
    });
    this.dialog.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #build() {
    const button = (id, name, label, onclick) =>
      h("button", { id, type: "button", class: `icon ${name}`, title: label, "aria-label": label, onclick }, icon(ICONS[name]));
    this.title = h("h2", { id: "player-title" });
    this.clock = h("output", { id: "clock", "aria-live": "off" });
    this.playButton = button("play", "play", "Play (space)", () => this.toggle());
    this.followButton = h("button", { id: "follow", type: "button", "aria-pressed": "true", title: "Follow the ego (f)",
      onclick: () => this.camera.setFollows(this.panes[0], !this.camera.follows) }, "Follow ego");
    this.curvesButton = h("button", { id: "curves", type: "button", "aria-pressed": "false", title: "Every curve, and less of the map (c)",
      onclick: () => this.curvesButton.setAttribute("aria-pressed", String(this.dialog.classList.toggle("tall"))) }, "All curves");
    this.speedSelect = h("select", { id: "speed", "aria-label": "Speed", onchange: (event) => { this.speed = Number(event.target.value); } },
      SPEEDS.map((speed) => h("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
    this.stage = h("div", { class: "stage" }, this.panes.map((pane) => pane.element), h("div", { class: "nothing" }));
    this.controls = h("div", { class: "controls", role: "group", "aria-label": "Playback" },
      button("first", "first", "To the start (Home)", () => this.jump(0)),
      button("back", "back", "One step back (left arrow)", () => this.step(-1)), this.playButton,
      button("forward", "forward", "One step on (right arrow)", () => this.step(1)), this.speedSelect, this.clock,
      h("span", { class: "spring" }), this.curvesButton, this.followButton,
      button("zoom-out", "minus", "Zoom out (-)", () => this.camera.zoom(1 / 1.25)), button("zoom-in", "plus", "Zoom in (+)", () => this.camera.zoom(1.25)));
    this.side = h("aside", { class: "side", "aria-label": "About this drive" });
    this.dialog = h("dialog", { id: "player", "aria-labelledby": "player-title" },
      h("header", { class: "bar" }, button("previous", "left", "Drive before (k)", () => this.neighbor(-1)),
        button("next", "right", "Next drive (j)", () => this.neighbor(1)), this.title, button("close", "close", "Close (Esc)", () => this.dialog.close())),
      h("div", { class: "desk" }, h("div", { class: "desk-main" }, this.stage, this.controls, this.timeline.element), this.side));
  }

  failureName(key) { return this.data.failures[key] || key; }

  // Show a scenario as a column drove it; `other`: the column beside it, or null.
  async open(scenario, column, other = null) {
    const isFresh = scenario !== this.scenario || !this.dialog.open;
    Object.assign(this, { scenario, column, other });
    this.pause();
    this.title.textContent = this.data.scenarios[scenario].key;
    if (!this.dialog.open) {
      this.dialog.showModal();
      this.playButton.focus({ focusVisible: false });
    }
    history.replaceState(null, "", `#${scenario}/${column}${other === null ? "" : `/${other}`}`);
    const held = this.data.playbacks[scenario] || {};
    if (other !== null && !held[other]) this.other = other = null;
    const wanted = [column, other].filter((c) => c !== null && held[c]);
    this.trouble = "";
    const drives = await Promise.all(wanted.map((c) => loadDrive(held[c]))).catch((error) => {
      this.trouble = `This playback cannot be read: ${error.message}`;
      return [];
    });
    if (this.scenario !== scenario || this.column !== column || this.other !== other) return; // opened another meanwhile
    this.views = drives.map((drive, v) => ({ drive, column: wanted[v], letter: drives.length > 1 ? "AB"[v] : "" }));
    this.last = Math.max(1, ...drives.map((drive) => drive.last));
    if (isFresh) {
      this.t = 0;
      this.camera.follows = true;
    }
    this.#arrange();
  }

  #arrange() {
    const shown = this.views.length > 0;
    this.dialog.classList.toggle("empty", !shown);
    this.dialog.classList.toggle("double", this.views.length > 1 && !this.ghosts);
    this.stage.querySelector(".nothing").textContent = shown ? "" : this.trouble || "The page holds no playback of this drive. The run folder may hold it.";
    this.panes[0].show(shown ? { ...this.views[0], ghost: this.ghosts && this.views[1] } : null);
    this.panes[1].show(this.views.length > 1 && !this.ghosts ? this.views[1] : null);
    this.side.replaceChildren(...sidebar(this));
    if (!this.dialog.contains(document.activeElement)) this.playButton.focus({ focusVisible: false }); // keys go on
    if (shown) {
      this.timeline.show(this.views);
      this.seek(this.t);
    }
    this.redraw();
  }

  setGhosts(ghosts) {
    this.ghosts = ghosts;
    this.#arrange();
  }

  neighbor(step) {
    const row = this.table?.neighbor(this.scenario, this.column, step);
    if (row) this.open(row.scenario, row.column, this.other === row.column ? null : this.other);
  }

  seek(t, whole = false) {
    this.t = Math.max(0, Math.min(this.last, whole ? Math.round(t) : t));
    this.redraw();
  }

  step(count) {
    this.pause();
    this.seek((count > 0 ? Math.floor(this.t) : Math.ceil(this.t)) + count);
  }

  jump(instant) {
    this.pause();
    this.seek(instant);
    this.stage.scrollIntoView({ block: "nearest" }); // on a phone it may be out of sight
  }

  toggle() { return this.timer ? this.pause() : this.play(); }

  play() {
    if (!this.views.length) return;
    if (this.t >= this.last) this.t = 0;
    let before = performance.now();
    const frame = (now) => {
      this.seek(this.t + ((now - before) / 1000) * (this.speed / this.views[0].drive.dt));
      before = now;
      this.timer = this.t < this.last ? requestAnimationFrame(frame) : 0;
      this.#showState();
    };
    this.timer = requestAnimationFrame(frame);
    this.#showState();
  }

  pause() {
    cancelAnimationFrame(this.timer);
    this.timer = 0;
    this.#showState();
  }

  #showState() {
    const label = this.timer ? "Pause (space)" : "Play (space)";
    if (this.playButton.title === label) return;
    this.playButton.replaceChildren(icon(ICONS[this.timer ? "pause" : "play"]));
    this.playButton.title = label;
    this.playButton.setAttribute("aria-label", label);
  }

  // Draw once with the next frame, however often it was asked for.
  redraw() {
    if (this.asked || !this.views?.length) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (!this.views.length) return;
      for (const pane of this.panes) if (pane.view) pane.draw();
      this.timeline.update(this.t);
      this.showTerms(Math.floor(this.t + 1e-6));
      this.showWhatIf(Math.floor(this.t + 1e-6));
      const { dt } = this.views[0].drive;
      this.clock.textContent = `${number(Math.floor(this.t + 1e-6) * dt, 1)} / ${number(this.last * dt, 1)} s`;
      this.followButton.setAttribute("aria-pressed", String(this.camera.follows));
    });
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keeps = event.target.matches("select") || (event.key === " " && event.target.matches("input, summary"));
    const failures = (this.views || []).flatMap(({ drive }) => drive.failures.map(([, instant]) => instant)).sort((a, b) => a - b);
    const now = Math.floor(this.t);
    const actions = {
      " ": () => this.toggle(), ArrowLeft: () => this.step(event.shiftKey ? -10 : -1), ArrowRight: () => this.step(event.shiftKey ? 10 : 1),
      Home: () => this.jump(0), End: () => this.jump(this.last), f: () => this.followButton.click(), c: () => this.curvesButton.click(),
      "+": () => this.camera.zoom(1.25), "=": () => this.camera.zoom(1.25), "-": () => this.camera.zoom(1 / 1.25),
      j: () => this.neighbor(1), k: () => this.neighbor(-1),
      n: () => { const next = failures.find((instant) => instant > now) ?? failures[0]; if (next !== undefined) this.jump(next); },
    };
    const action = actions[event.key];
    if (!action || keeps) return;
    event.preventDefault();
    action();
  }
}
