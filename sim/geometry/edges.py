"""Edges of lines and polygons, and points projected on them (numpy, on the CPU)."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Edges:
    """Edges `[E]` from (x, y) to (x + dx, y + dy), metres, float64."""

    x: Array
    y: Array
    dx: Array
    dy: Array
    length_sq: Array

    @staticmethod
    def between(start_m: Array, end_m: Array) -> "Edges":
        """From their ends `[E, 2]`."""
        x, y = start_m.astype(np.float64).T
        dx, dy = (end_m.astype(np.float64) - start_m).T
        return Edges(x, y, dx, dy, np.maximum(dx**2 + dy**2, 1e-12))

    @staticmethod
    def of_rings(rings_m: list[Array]) -> "Edges":
        """The edges of open rings `[V, 2]`."""
        following = [np.roll(ring, -1, axis=0) for ring in rings_m]
        return Edges.between(np.concatenate(rings_m), np.concatenate(following))

    @staticmethod
    def of_lines(lines_m: list[Array], longest_m: float) -> tuple["Edges", Array]:
        """The edges of lines `[V, 2]`, cut into pieces of at most `longest_m`; the line of each."""
        start = np.concatenate([line[:-1] for line in lines_m]).astype(np.float64)
        end = np.concatenate([line[1:] for line in lines_m]).astype(np.float64)
        line = np.repeat(np.arange(len(lines_m)), [len(line) - 1 for line in lines_m])
        pieces = np.ceil(np.hypot(*(end - start).T) / longest_m).astype(int).clip(1)
        edge, k = expand_ranges(np.zeros_like(pieces), pieces)
        step = ((end - start) / pieces[:, None])[edge]
        first = start[edge] + k[:, None] * step
        return Edges.between(first, start[edge] + (k[:, None] + 1) * step), line[edge]

    def boxes(self) -> tuple[Array, Array]:
        """Lowest and highest corner of each edge's bounding box, `[E, 2]`."""
        start = np.stack((self.x, self.y), axis=-1)
        end = start + np.stack((self.dx, self.dy), axis=-1)
        return np.minimum(start, end), np.maximum(start, end)

    def project(self, edge: Array, x_m: Array, y_m: Array) -> tuple[Array, Array, Array, Array]:
        """Points on edges: distance, the vector from the nearest point, its share of the edge."""
        # In place: on so many cells fetching and storing is most of the work.
        dx, dy = self.dx.take(edge), self.dy.take(edge)
        from_x, from_y = x_m - self.x.take(edge), y_m - self.y.take(edge)
        share = from_x * dx + from_y * dy
        share /= self.length_sq.take(edge)
        np.minimum(np.maximum(share, 0.0, out=share), 1.0, out=share)
        gap_x, gap_y = share * dx, share * dy
        np.subtract(from_x, gap_x, out=gap_x)
        np.subtract(from_y, gap_y, out=gap_y)
        square = gap_x**2
        square += gap_y**2
        return np.sqrt(square, out=square), gap_x, gap_y, share


def expand_ranges(first: Array, last: Array) -> tuple[Array, Array]:
    """All pairs (k, v) with first[k] <= v < last[k], flattened."""
    count = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(count)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return owner, first[owner] + within
