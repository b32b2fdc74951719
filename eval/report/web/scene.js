// Drawing: the map as paths made once, agents and what the planner showed at an instant.

const LAYERS = [
  ["lanes", "Lane lines", true], ["centers", "Centre lines", false], ["route", "Route", true],
  ["stops", "Lights, stops", true], ["obstacles", "Obstacles", true], ["agents", "Agents", true], ["trail", "Trail", true],
  ["plan", "Plan", true], ["candidates", "Candidates by cost", true], ["forecast", "Forecasts", true],
  ["occupancy", "Occupancy", true], ["perceived", "Perceived", true], ["what-if", "If it goes, if it waits", true], ["labels", "Labels", false],
];
const KINDS = ["vehicle", "cyclist", "pedestrian", "object"];
const LIGHTS = ["unknown", "green", "yellow", "red"];

const palettes = new Map();

// Colours of the scheme in use, as `sim/palette.py` has them, from the style sheet.
function palette() {
  const scheme = isDark() ? "dark" : "light";
  if (!palettes.has(scheme)) {
    const style = getComputedStyle(document.documentElement);
    const names = ["ground", "walkway", "carpark", "drivable", "intersection", "zebra", "edge", "connector", "center", "route",
      "building", "hedge", "wall", "vehicle", "cyclist", "pedestrian", "object", "hit", "outline", "plan", "forecast",
      "planner-0", "planner-1", "planner-2", "planner-3", "planner-4", "planner-5", "planner-6", "planner-7", "occupied", "perceived", "ink", "paper", "green", "yellow", "red", "unknown", "goes", "waits", "cost-low", "cost-middle", "cost-high"];
    palettes.set(scheme, Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--m-${name}`).trim()])));
  }
  return palettes.get(scheme);
}

// Of the planner in a column: of its ego and all that it does.
const plannerColor = (column) => palette()[`planner-${column % 8}`];

// From low cost to high: blue, teal, sand (told apart by lightness too).
const costColor = (level) => {
  const colors = palette();
  const stops = ["low", "middle", "high"].map((name) => colors[`cost-${name}`].match(/\d+/g).map(Number));
  const at = Math.min(1.999, (level - 1) / 127), k = Math.floor(at), f = at - k;
  return `rgb(${stops[k].map((v, c) => Math.round(v + (stops[k + 1][c] - v) * f)).join(" ")})`;
};

class SceneMap {
  constructor(scene) {
    this.scene = scene;
    this.paths = {};
    this.zebras = [];
    const { points } = scene.arrays, total = points.shape[1];
    let at = 0, area = "drivable";
    for (const [kind, count] of scene.shapes) {
      const shape = Array.from({ length: count }, (_, p) => [points[at + p], points[total + at + p]]);
      at += count;
      const isLine = ["edge", "connector", "center", "route"].includes(kind);
      if (!isLine && kind !== "hole") area = kind;
      if (kind === "crosswalk") this.zebras.push(shape);
      if (!isLine && kind !== "hole") (this.paths[kind] ||= []).push(new Path2D());
      if (isLine) (this.paths[kind] ||= [new Path2D()]);
      const own = this.paths[isLine ? kind : area];
      trace(own[own.length - 1], shape, !isLine);
    }
  }

  draw(ctx, layers, pixel, k) {
    const colors = palette();
    const paint = (kind, color) => {
      ctx.fillStyle = color;
      for (const path of this.paths[kind] || []) ctx.fill(path, "evenodd");
    };
    const stroke = (kind, color, width, dash = []) => {
      ctx.strokeStyle = color;
      ctx.lineWidth = width;
      ctx.setLineDash(dash);
      for (const path of this.paths[kind] || []) ctx.stroke(path);
      ctx.setLineDash([]);
    };
    for (const kind of ["walkway", "carpark", "drivable", "intersection"]) paint(kind, colors[kind]);
    this.#zebra(ctx, colors);
    if (layers.route) stroke("route", colors.route, 1.8);
    if (layers.lanes) {
      stroke("connector", colors.connector, Math.max(0.08, pixel * 0.8));
      stroke("edge", colors.edge, Math.max(0.14, pixel));
    }
    if (layers.centers) stroke("center", colors.center, pixel, [1.5, 1.5]);
    if (layers.obstacles) {
      for (const [kind, color] of [["building", "building"], ["wall", "wall"], ["pole", "wall"], ["hedge", "hedge"], ["tree", "hedge"]]) {
        paint(kind, colors[color]);
      }
    }
    if (layers.stops) this.#stops(ctx, colors, pixel, k);
  }

  // Bars one after the other along the longest side of each crosswalk.
  #zebra(ctx, colors) {
    for (const shape of this.zebras) {
      const sides = shape.map((p, k) => [p, shape[(k + 1) % shape.length]]);
      const [from, to] = sides.reduce((a, b) => (length(b) > length(a) ? b : a));
      const turn = Math.atan2(to[1] - from[1], to[0] - from[0]);
      ctx.save();
      const outline = new Path2D();
      trace(outline, shape, true);
      ctx.clip(outline);
      ctx.translate(from[0], from[1]);
      ctx.rotate(turn);
      ctx.fillStyle = colors.zebra;
      for (let s = 0.25; s < length([from, to]); s += 1) ctx.fillRect(s, -60, 0.5, 120);
      ctx.restore();
    }
  }

  #stops(ctx, colors, pixel, k) {
    const { stop_lines: lines, lights } = this.scene.arrays, steps = lights.shape[1];
    this.scene.stops.forEach(([, light], s) => {
      const [x0, y0, x1, y1] = lines.subarray(4 * s, 4 * s + 4);
      const state = light < 0 ? null : LIGHTS[lights[light * steps + Math.min(Math.floor(k), steps - 1)]];
      ctx.strokeStyle = state ? colors[state] : colors.edge;
      ctx.lineWidth = Math.max(0.5, 2 * pixel);
      ctx.beginPath();
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      ctx.stroke();
      if (state) lamp(ctx, [(x0 + x1) / 2, (y0 + y1) / 2], state, colors, pixel);
    });
  }
}

const length = ([a, b]) => Math.hypot(b[0] - a[0], b[1] - a[1]);

function trace(path, points, closed) {
  points.forEach(([x, y], k) => (k ? path.lineTo(x, y) : path.moveTo(x, y)));
  if (closed) path.closePath();
}

// A light is told by place as well as by colour: red on top, yellow in the middle, green below.
function lamp(ctx, [x, y], state, colors, pixel) {
  const r = Math.max(0.45, 3.2 * pixel), row = { red: 1, yellow: 0, green: -1, unknown: 0 }[state];
  ctx.fillStyle = "#14171a";
  ctx.beginPath();
  ctx.roundRect(x - 1.4 * r, y - 3.6 * r, 2.8 * r, 7.2 * r, r);
  ctx.fill();
  for (const k of [-1, 0, 1]) {
    ctx.fillStyle = k === row && state !== "unknown" ? colors[state] : "#4a5057";
    ctx.beginPath();
    ctx.arc(x, y + 2.2 * k * r, r, 0, 2 * Math.PI);
    ctx.fill();
  }
}

function polyline(ctx, points) {
  ctx.beginPath();
  trace(ctx, points, false);
  ctx.stroke();
}

function drawBox(ctx, [x, y, yaw], [l, w], kind, color, outline, pixel, ghost = false) {
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(yaw);
  ctx.lineWidth = Math.max(0.08, pixel);
  ctx.strokeStyle = ghost ? color : outline;
  ctx.fillStyle = color;
  ctx.beginPath();
  if (kind === "pedestrian") ctx.ellipse(0, 0, Math.max(l / 2, 2 * pixel), Math.max(w / 2, 2 * pixel), 0, 0, 2 * Math.PI);
  else ctx.roundRect(-l / 2, -w / 2, l, w, Math.min(0.35, w / 4));
  if (ghost) {
    ctx.globalAlpha = 0.3;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.lineWidth = Math.max(0.2, 1.6 * pixel);
  } else ctx.fill();
  ctx.stroke();
  if (kind !== "object" && kind !== "pedestrian") { // an arrowhead towards the front
    ctx.fillStyle = ghost ? color : "rgb(255 255 255 / .92)";
    ctx.beginPath();
    trace(ctx, [[0.42 * l, 0], [0.18 * l, 0.3 * w], [0.18 * l, -0.3 * w]], true);
    ctx.fill();
  }
  ctx.restore();
}

const sizeOf = (drive, agent) => drive.scene.arrays.size.subarray(2 * agent, 2 * agent + 2);
const kindOf = (drive, agent) => KINDS[drive.scene.arrays.kind[agent]] || "object";

// Everything that moves, of one drive at time `t` (in instants).
function drawDrive(ctx, drive, t, layers, pixel, egoColor) {
  const colors = palette(), k = Math.floor(drive.clamp(t)), shown = drive.shownAt(k);
  ctx.lineCap = ctx.lineJoin = "round";
  if (layers.occupancy && drive.arrays.occupancy) drawOccupancy(ctx, drive, shown, colors.occupied);
  if (layers.forecast && drive.arrays.forecast) drawForecasts(ctx, drive, shown, pixel, colors);
  if (layers.candidates && drive.arrays.candidates) drawCandidates(ctx, drive, shown, pixel);
  if (layers["what-if"] && drive.arrays.what_way) drawWhatIf(ctx, drive, shown, pixel, colors);
  if (layers.trail) drawTrail(ctx, drive, k, t, pixel, egoColor);
  if (layers.plan) drawPlan(ctx, drive, k, t, pixel, colors.plan);
  if (layers.agents) {
    for (let agent = drive.agents - 1; agent > 0; agent--) {
      if (!drive.isValid(agent, k)) continue;
      const kind = kindOf(drive, agent);
      drawBox(ctx, drive.pose(agent, t), sizeOf(drive, agent), kind, colors[kind], colors.outline, pixel);
    }
  }
  if (layers.perceived && drive.arrays.perceived) drawPerceived(ctx, drive, shown, pixel, colors.perceived);
  drawBox(ctx, drive.pose(0, t), sizeOf(drive, 0), "vehicle", egoColor, colors.outline, pixel);
  if (layers.agents) for (const agent of drive.hitBy(k)) drawFrame(ctx, drive.pose(agent, t), sizeOf(drive, agent), colors.hit, pixel);
}

const HIT_ROOM_M = 0.5; // between whom the ego has hit and the frame around it

// Around somebody whom the ego has hit.
function drawFrame(ctx, [x, y, yaw], [l, w], color, pixel) {
  const room = Math.max(HIT_ROOM_M, 4 * pixel);
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(yaw);
  ctx.strokeStyle = color;
  ctx.lineWidth = Math.max(0.3, 3 * pixel);
  ctx.strokeRect(-l / 2 - room, -w / 2 - room, l + 2 * room, w + 2 * room);
  ctx.restore();
}

// Dashed, over the true boxes: where the planner took the others to be.
function drawPerceived(ctx, drive, { number }, pixel, color) {
  const { perceived: boxes, perceived_id: ids } = drive.arrays, [tracks, fields, instants] = boxes.shape;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = Math.max(0.22, 1.8 * pixel);
  ctx.lineCap = "butt";
  ctx.setLineDash([0.8, 0.6]);
  for (let track = 0; track < tracks; track++) {
    if (ids[track * instants + number] < 0) continue;
    const [x, y, yaw, l, w] = Array.from({ length: fields }, (_, f) => boxes[(track * fields + f) * instants + number]);
    ctx.save();
    ctx.translate(x, y);
    ctx.rotate(yaw);
    ctx.strokeRect(-l / 2, -w / 2, l, w);
    ctx.restore();
  }
  ctx.restore();
}

function drawTrail(ctx, drive, k, t, pixel, color) {
  ctx.strokeStyle = color;
  ctx.globalAlpha = 0.55;
  ctx.lineWidth = Math.max(0.22, 1.6 * pixel);
  polyline(ctx, [...Array.from({ length: k + 1 }, (_, i) => drive.pose(0, i)), drive.pose(0, t)]);
  ctx.globalAlpha = 1;
}

function drawPlan(ctx, drive, k, t, pixel, color) {
  const points = drive.line("plan", k, drive.pose(0, k));
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = Math.max(0.4, 2.4 * pixel);
  polyline(ctx, [drive.pose(0, t), ...points]);
  for (const [x, y] of points) disc(ctx, x, y, Math.max(0.34, 2.6 * pixel));
}

function disc(ctx, x, y, r) {
  ctx.beginPath();
  ctx.arc(x, y, r, 0, 2 * Math.PI);
  ctx.fill();
}

function drawCandidates(ctx, drive, { number, instant }, pixel) {
  const [, count] = drive.arrays.candidates.shape, { costs } = drive.arrays;
  const ego = drive.pose(0, instant);
  const order = Array.from({ length: count }, (_, c) => [costs ? costs[number * count + c] : 1, c])
    .filter(([level]) => level > 0).sort((a, b) => b[0] - a[0]); // the cheapest on top
  for (const [level, c] of order) {
    ctx.strokeStyle = costColor(level);
    ctx.lineWidth = Math.max(0.14, (level < 20 ? 2 : 1.2) * pixel);
    polyline(ctx, [ego, ...drive.line("candidates", number * count + c, ego)]);
  }
}

function drawForecasts(ctx, drive, { number, instant }, pixel, colors) {
  const [, agents, modes] = drive.arrays.forecast.shape;
  ctx.strokeStyle = ctx.fillStyle = colors.forecast;
  ctx.lineWidth = Math.max(0.14, 1.2 * pixel);
  for (let agent = 0; agent < agents; agent++) {
    const origin = drive.pose(agent + 1, instant);
    for (let mode = 0; mode < modes; mode++) {
      const row = (number * agents + agent) * modes + mode, chance = drive.arrays.chance[row];
      if (!chance) continue;
      const points = drive.line("forecast", row, origin), end = points[points.length - 1];
      if (Math.hypot(end[0] - origin[0], end[1] - origin[1]) < 0.5) continue;
      ctx.globalAlpha = 0.25 + 0.6 * (chance / 100);
      ctx.setLineDash([0.9, 0.7]);
      polyline(ctx, [origin, ...points]);
      ctx.setLineDash([]);
      disc(ctx, end[0], end[1], Math.max(0.28, 2 * pixel));
    }
  }
  ctx.globalAlpha = 1;
}

// What the ego and those for whom it matters would do if it went, and if it waited.
function drawWhatIf(ctx, drive, { number, instant }, pixel, colors) {
  const others = drive.arrays.what_agent.shape[1], listed = drive.whatIf(instant);
  ["goes", "waits"].forEach((name, way) => {
    ctx.strokeStyle = ctx.fillStyle = colors[name];
    const line = (array, row, origin, width) => {
      const points = drive.line(array, row, origin), [x, y] = points[points.length - 1];
      ctx.lineWidth = Math.max(width / 8, width * pixel);
      polyline(ctx, [origin, ...points]);
      disc(ctx, x, y, Math.max(0.3, 2.2 * pixel));
    };
    line("what_way", number * 2 + way, drive.pose(0, instant), 5);
    for (const { n, agent } of listed) line("what_path", (number * 2 + way) * others + n, drive.pose(agent, instant), 2);
  });
}

function drawOccupancy(ctx, drive, { number, instant }, color) {
  const [, width, height] = drive.arrays.occupancy.shape, [xMin, yMin, resolution] = drive.block.grid;
  const name = `${number} ${color}`;
  if (drive.cells?.name !== name) drive.cells = { name, picture: cellPicture(drive, number, width, height, color) };
  const [x, y, yaw] = drive.pose(0, instant);
  ctx.save();
  ctx.translate(x, y);
  ctx.rotate(yaw);
  ctx.translate(xMin, yMin);
  ctx.scale(resolution, resolution);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(drive.cells.picture, 0, 0);
  ctx.restore();
}

// Cell (i, j) of the grid as pixel (i, j): x runs to the right, y is turned up by the view.
function cellPicture(drive, number, width, height, color) {
  const canvas = new OffscreenCanvas(width, height), ctx = canvas.getContext("2d");
  ctx.fillStyle = color;
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < height; j++) {
      const level = drive.arrays.occupancy[(number * width + i) * height + j];
      if (!level) continue;
      ctx.globalAlpha = 0.65 * (level / 15);
      ctx.fillRect(i, j, 1, 1);
    }
  }
  return canvas;
}
