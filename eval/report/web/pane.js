// One canvas: a drive (or two, the second as a ghost) over its map, labels, scale bar.

class Pane {
  constructor(player) {
    this.player = player;
    this.canvas = h("canvas", { class: "bev", tabindex: -1, role: "img" });
    this.caption = h("div", { class: "caption" });
    this.alert = h("div", { class: "alerts" });
    this.element = h("div", { class: "pane" }, this.canvas, this.caption, this.alert);
    this.width = this.height = 1;
    new ResizeObserver(() => this.#resize()).observe(this.element);
    player.camera.attach(this);
  }

  show(view) {
    this.view = view; // { drive, column, ghost }
    this.map = view && new SceneMap(view.drive.scene);
    this.hover = null;
    this.canvas.setAttribute("aria-label", view ? `Bird's-eye view of ${this.player.data.columns[view.column].label}` : "");
  }

  ego() { return this.view ? this.view.drive.pose(0, this.player.t) : [0, 0, 0]; }

  #resize() {
    const ratio = devicePixelRatio || 1, box = this.element.getBoundingClientRect();
    this.width = box.width;
    this.height = box.height;
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    this.draw();
  }

  // The agent under a pixel is named until the pointer leaves it.
  point(pixel) {
    const before = this.hover;
    this.hover = pixel && this.view ? this.#agentAt(this.player.camera.toWorld(this, pixel)) : null;
    if (this.hover !== before) this.player.redraw();
  }

  #agentAt([x, y]) {
    const { drive } = this.view, t = this.player.t, k = Math.floor(drive.clamp(t)), slack = 3 / this.player.camera.scale;
    for (let agent = 0; agent < drive.agents; agent++) {
      if (agent && !drive.isValid(agent, k)) continue;
      const [ax, ay, yaw] = drive.pose(agent, t), [l, w] = sizeOf(drive, agent);
      const dx = x - ax, dy = y - ay, along = dx * Math.cos(yaw) + dy * Math.sin(yaw), across = dy * Math.cos(yaw) - dx * Math.sin(yaw);
      if (Math.abs(along) < l / 2 + slack && Math.abs(across) < w / 2 + slack) return agent;
    }
    return null;
  }

  draw() {
    const ctx = this.canvas.getContext("2d"), colors = palette(), { camera, layers, t } = this.player;
    const ratio = this.canvas.width / this.width, [cx, cy] = camera.centerOf(this), s = camera.scale * ratio;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = colors.ground;
    ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.view) return;
    const { drive, ghost } = this.view, pixel = ratio / s;
    ctx.setTransform(s, 0, 0, -s, this.canvas.width / 2 - cx * s, this.canvas.height / 2 + cy * s);
    this.map.draw(ctx, layers, pixel, drive.clamp(t));
    if (ghost) {
      const color = plannerColor(ghost.column);
      if (layers.trail) drawTrail(ctx, ghost.drive, Math.floor(ghost.drive.clamp(t)), t, pixel, color);
      drawBox(ctx, ghost.drive.pose(0, t), sizeOf(ghost.drive, 0), "vehicle", color, colors.outline, pixel, true);
    }
    drawDrive(ctx, drive, t, layers, pixel, plannerColor(this.view.column));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#labels(ctx, drive, t, colors);
    if (ghost) this.#label(ctx, ghost.drive.pose(0, t), "B", colors);
    this.#scaleBar(ctx, colors);
    this.#captions();
  }

  #labels(ctx, drive, t, colors) {
    const k = Math.floor(drive.clamp(t));
    this.taken = []; // where labels lie: none covers another
    for (const agent of this.player.layers.agents ? drive.hitBy(k) : []) {
      const [x, y, yaw] = drive.pose(agent, t), [l, w] = sizeOf(drive, agent);
      const rise = 0.5 * (Math.abs(l * Math.sin(yaw)) + Math.abs(w * Math.cos(yaw))) + HIT_ROOM_M - 13 / this.player.camera.scale;
      this.#label(ctx, [x, y + rise], "✕ hit", { paper: colors.hit, ink: colors.paper, outline: colors.outline }); // on the frame
    }
    const named = this.player.layers.labels ? Array.from({ length: drive.agents }, (_, n) => n) : [];
    for (const agent of named) {
      if (drive.isValid(agent, k)) this.#label(ctx, drive.pose(agent, t), drive.scene.ids[agent].slice(0, 8), colors);
    }
    if (this.hover === null) return;
    const words = [this.hover ? drive.scene.ids[this.hover] : "ego", drive.scene.categories[this.hover],
      `${number(drive.speed(this.hover, k), 1)} m/s`];
    this.#label(ctx, drive.pose(this.hover, t), words.join(" · "), colors, true);
  }

  #label(ctx, pose, text, colors, strong = false) {
    const [x, y] = this.player.camera.toScreen(this, pose);
    if (x < 0 || y < 0 || x > this.width || y > this.height) return;
    ctx.font = `${strong ? 600 : 500} 12px system-ui, sans-serif`;
    const width = ctx.measureText(text).width + 12;
    const left = Math.max(4, Math.min(this.width - width - 4, x - width / 2)), top = Math.max(4, y - 34);
    const covers = ([l, t, w]) => left < l + w && l < left + width && Math.abs(top - t) < 19;
    if (!strong && this.taken.some(covers)) return;
    this.taken.push([left, top, width]);
    ctx.fillStyle = colors.paper;
    ctx.strokeStyle = colors.outline;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.roundRect(left, top, width, 19, 5);
    ctx.globalAlpha = 0.92;
    ctx.fill();
    ctx.globalAlpha = 1;
    if (strong) ctx.stroke();
    ctx.fillStyle = colors.ink;
    ctx.fillText(text, left + 6, top + 13.5);
  }

  #scaleBar(ctx, colors) {
    const metres = [1, 2, 5, 10, 20, 50, 100].find((m) => m * this.player.camera.scale >= 60) || 100;
    const width = metres * this.player.camera.scale, x = 14, y = this.height - 14;
    ctx.strokeStyle = ctx.fillStyle = colors.ink;
    ctx.lineWidth = 2;
    ctx.beginPath();
    trace(ctx, [[x, y - 5], [x, y], [x + width, y], [x + width, y - 5]], false);
    ctx.stroke();
    ctx.font = "600 11px system-ui, sans-serif";
    ctx.fillText(`${metres} m`, x + 6, y - 5);
    const north = new Path2D();
    trace(north, [[this.width - 20, y - 22], [this.width - 15, y - 6], [this.width - 20, y - 9], [this.width - 25, y - 6]], true);
    ctx.fill(north);
    ctx.fillText("N", this.width - 24, y + 7);
  }

  #captions() {
    const { drive, column, letter } = this.view, { player } = this;
    const k = Math.floor(drive.clamp(player.t)), speed = drive.curve("speed_mps"), slope = drive.curve("acceleration_mps2");
    const motion = speed ? `${number(speed[k], 1)} m/s  ${signed(slope ? slope[k] : 0, 1)} m/s²` : "";
    this.caption.replaceChildren(h("span", { class: "who" }, letter ? h("b", {}, letter) : null, mark(column), player.data.columns[column].label),
      h("span", { class: "motion" }, motion));
    const broken = drive.failures.filter(([name, first]) => k >= first && (drive.curve(name)?.[k] ?? 1) < 1);
    this.alert.replaceChildren(...broken.map(([name]) => h("span", { class: "chip bad solid" }, "✕ ", player.failureName(name))));
  }
}
