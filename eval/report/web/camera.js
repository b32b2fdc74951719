// What a canvas shows: north up. Shared by the panes, so that they move together.

class Camera {
  constructor(changed) {
    this.changed = changed;
    this.scale = 8; // pixels (of CSS) per metre
    this.center = [0, 0];
    this.follows = true;
  }

  zoom(factor) {
    this.scale = Math.max(0.5, Math.min(80, this.scale * factor));
    this.changed();
  }

  centerOf(pane) { return this.follows ? pane.ego() : this.center; }

  toScreen(pane, [x, y]) {
    const [cx, cy] = this.centerOf(pane);
    return [pane.width / 2 + (x - cx) * this.scale, pane.height / 2 - (y - cy) * this.scale];
  }

  toWorld(pane, [px, py]) {
    const [cx, cy] = this.centerOf(pane);
    return [cx + (px - pane.width / 2) / this.scale, cy - (py - pane.height / 2) / this.scale];
  }

  // Keep the world point under a pixel where it is while zooming (but when following: the ego).
  zoomAt(pane, pixel, factor) {
    const before = this.toWorld(pane, pixel);
    this.zoom(factor);
    if (this.follows) return;
    const after = this.toWorld(pane, pixel);
    this.center = [this.center[0] + before[0] - after[0], this.center[1] + before[1] - after[1]];
    this.changed();
  }

  pan(pane, dx, dy) {
    if (this.follows) this.setFollows(pane, false);
    this.center = [this.center[0] - dx / this.scale, this.center[1] + dy / this.scale];
    this.changed();
  }

  setFollows(pane, follows) {
    if (!follows) this.center = [...pane.ego().slice(0, 2)];
    this.follows = follows;
    this.changed();
  }

  // Wheel, drag and pinch on the canvas of a pane.
  attach(pane) {
    const canvas = pane.canvas, held = new Map();
    const place = (event) => [event.offsetX, event.offsetY];
    const spread = () => {
      const [a, b] = [...held.values()];
      return { distance: Math.hypot(a[0] - b[0], a[1] - b[1]), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
    };
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomAt(pane, place(event), Math.exp(-event.deltaY * 0.0015));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held.set(event.pointerId, place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held.has(event.pointerId)) return pane.point(place(event));
      const before = held.get(event.pointerId), now = place(event);
      if (held.size === 2) {
        const old = spread();
        held.set(event.pointerId, now);
        const fresh = spread();
        this.zoomAt(pane, fresh.middle, fresh.distance / Math.max(1, old.distance));
        return undefined;
      }
      held.set(event.pointerId, now);
      if (Math.hypot(now[0] - before[0], now[1] - before[1]) > 0) this.pan(pane, now[0] - before[0], now[1] - before[1]);
      return undefined;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        held.delete(event.pointerId);
        pane.point(place(event));
      });
    }
    canvas.addEventListener("pointerleave", () => pane.point(null));
  }
}
