// One decoded drive: poses, curves and what the planner showed, by instant (`t` may lie between two).

class Drive {
  constructor(block, scene) {
    this.block = block;
    this.scene = scene;
    this.arrays = block.arrays;
    [this.agents, , this.instants] = this.arrays.xy.shape;
    this.dt = block.dt;
    this.failures = Object.entries(block.failures).sort((a, b) => a[1] - b[1]);
    this.hits = block.hits.sort((a, b) => a[1] - b[1]); // [agent, first instant]
    this.curveNames = block.curves;
    this.termNames = block.terms;
  }

  get last() { return this.instants - 1; }

  clamp(t) { return Math.max(0, Math.min(this.last, t)); }

  isValid(agent, k) { return this.arrays.valid[agent * this.instants + k] > 0; }

  // Whom the ego has hit by instant `k`, of those who are there.
  hitBy(k) { return this.hits.filter(([agent, first]) => k >= first && this.isValid(agent, k)).map(([agent]) => agent); }

  // x, y, yaw of an agent in the world frame; linear between instants.
  pose(agent, t) {
    t = this.clamp(t);
    const { xy, yaw } = this.arrays, T = this.instants;
    const k = Math.floor(t), next = Math.min(k + 1, this.last), f = t - k;
    const mix = (array, row) => array[row * T + k] * (1 - f) + array[row * T + next] * f;
    return [mix(xy, 2 * agent), mix(xy, 2 * agent + 1), mix(yaw, agent)];
  }

  speed(agent, k) {
    const before = this.pose(agent, k - 1), after = this.pose(agent, k + 1);
    const span = (this.clamp(k + 1) - this.clamp(k - 1)) * this.dt;
    return span ? Math.hypot(after[0] - before[0], after[1] - before[1]) / span : 0;
  }

  curve(name) {
    const row = this.curveNames.indexOf(name);
    return row < 0 ? null : this.arrays.curves.subarray(row * this.instants, (row + 1) * this.instants);
  }

  // The instant at which candidates, forecasts and occupancy were last kept, and its number there.
  shownAt(k) {
    const number = Math.floor(k / this.block.every);
    return { number, instant: number * this.block.every };
  }

  // What each term adds to the cost of the plan, and of the candidate that came second, at instant `k`.
  terms(k) {
    const { number } = this.shownAt(k), [, plans, names] = this.arrays.terms.shape;
    return this.termNames.map((name, n) => [name, ...Array.from({ length: plans }, (_, p) => this.arrays.terms[(number * plans + p) * names + n])]);
  }

  // Of the others for whom it matters whether the ego goes or waits, and who may be hit, the most first: how
  // likely (percent) each is slower than foretold (by itself, if the ego goes, waits, does what it plans), is
  // hit, and differs from what it does by itself.
  whatIf(k) {
    const { what_agent: agents, what_slower: slower, what_collision: hit, what_change: change } = this.arrays;
    const { number } = this.shownAt(k), others = agents.shape[1];
    const each = (array, n) => Array.from({ length: array.shape[1] }, (_, row) => array[(number * array.shape[1] + row) * others + n]);
    return Array.from({ length: others }, (_, n) => {
      const own = { n, agent: agents[number * others + n], slower: each(slower, n), hit: each(hit, n), change: each(change, n) };
      own.matters = Math.max(own.hit[0], own.hit[1], Math.abs(own.slower[1] - own.slower[2]), Math.abs(own.change[0] - own.change[1]));
      return own;
    }).filter(({ agent, matters }) => agent > 0 && matters > 5).sort((a, b) => b.matters - a.matters).slice(0, 3);
  }

  // The lines of an array [T, ..., 2, P] at row `row`, as points from `origin`.
  line(name, row, [x, y]) {
    const array = this.arrays[name], points = array.shape[array.shape.length - 1], at = row * 2 * points;
    return Array.from({ length: points }, (_, p) => [x + array[at + p], y + array[at + points + p]]);
  }
}

async function loadDrive([sceneName, driveName]) {
  const [scene, drive] = await Promise.all([readBlock(sceneName), readBlock(driveName)]);
  return new Drive(drive, scene);
}
