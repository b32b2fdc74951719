"""A scene from above: one frame as a picture, a whole episode as an mp4."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eval.image_files import write_mp4
from eval.runs.drive_record import DriveRecord
from eval.runs.hits import first_hits
from eval.runs.results import DriveScores
from sim.kind_colors import agent_colors, area_colors, light_colors, obstacle_colors
from sim.palette import LIGHT, over
from sim.scenario import EGO, AgentKind, LaneKind, LightState, Scenario

SIZE_PX = 560
PX_PER_M = 5.0
_ROUTE = over(LIGHT.route, LIGHT.drivable)
_CONNECTOR = over(LIGHT.connector, LIGHT.drivable)
_AREAS, _OBSTACLES = area_colors(LIGHT), obstacle_colors(LIGHT)
_AGENTS, _LIGHTS = agent_colors(LIGHT), light_colors(LIGHT)
_HIT_ROOM_M = 0.5  # between whom the ego hits and the frame around it


class Canvas:
    """The static map of a scenario, drawn once; frames are crops with the agents on top.

    The ego has the colour of planner number `planner` of the run.
    """

    def __init__(self, scenario: Scenario, record: DriveRecord, planner: int = 0) -> None:
        from PIL import Image, ImageDraw

        self.scenario, self.record = scenario, record
        self._ego_color = LIGHT.planners[planner % len(LIGHT.planners)]
        self._hits = first_hits(record.pose, record.valid, scenario.tracks.size_m)
        ego = record.pose[:, EGO, :2]
        margin = 0.5 * SIZE_PX / PX_PER_M + 2.0
        self._low, high = ego.min(0) - margin, ego.max(0) + margin
        extent = np.ceil((high - self._low) * PX_PER_M).astype(int)
        self._height = int(extent[1])
        self._map = Image.new("RGB", (int(extent[0]), self._height), LIGHT.ground)
        self._draw_map(ImageDraw.Draw(self._map))

    def _px(self, points_m: np.ndarray) -> list[tuple[float, float]]:
        pixels = (np.asarray(points_m)[:, :2] - self._low) * PX_PER_M
        return [(float(x), float(self._height - y)) for x, y in pixels]

    def _draw_map(self, draw: Any) -> None:
        for kind, color in _AREAS.items():
            for area in (area for area in self.scenario.map.areas if area.kind == kind):
                draw.polygon(self._px(area.exterior_m), fill=color)
                for hole in area.holes_m:
                    draw.polygon(self._px(hole), fill=LIGHT.ground)
        for obstacle in self.scenario.map.obstacles:
            draw.polygon(self._px(obstacle.footprint_m), fill=_OBSTACLES[obstacle.kind])
        route = self.scenario.routes[EGO]
        if route is not None:
            draw.line(self._px(route.path_m), fill=_ROUTE, width=6)
        for lane in sorted(self.scenario.map.lanes, key=lambda lane: lane.kind == LaneKind.LANE):
            color = LIGHT.edge if lane.kind == LaneKind.LANE else _CONNECTOR
            for boundary in (lane.left_boundary_m, lane.right_boundary_m):
                draw.line(self._px(boundary), fill=color, width=1)

    def frame(self, instant: int, caption: str) -> np.ndarray:
        """The picture `[SIZE_PX, SIZE_PX, 3]` at an instant, centred on the ego, north up."""
        from PIL import ImageDraw

        image = self._map.copy()
        draw = ImageDraw.Draw(image)
        self._draw_lights(draw, instant)
        record = self.record
        draw.line(self._px(record.pose[: instant + 1, EGO]), fill=self._ego_color, width=2)
        draw.line(
            self._px(np.vstack((record.pose[instant, EGO], record.plan[instant]))),
            fill=LIGHT.plan,
            width=3,
        )
        for agent in np.flatnonzero(record.valid[instant])[::-1]:
            self._draw_agent(draw, instant, int(agent))
        self._draw_perceived(draw, instant)
        self._draw_hits(draw, instant)
        x, y = self._px(record.pose[instant, EGO][None])[0]
        left, top = round(x) - SIZE_PX // 2, round(y) - SIZE_PX // 2
        crop = image.crop((left, top, left + SIZE_PX, top + SIZE_PX))
        label = ImageDraw.Draw(crop)
        label.rectangle((0, 0, SIZE_PX, 20), fill=LIGHT.paper)
        label.text((6, 4), caption, fill=LIGHT.ink)
        return np.asarray(crop)

    def _draw_perceived(self, draw: Any, instant: int) -> None:
        """Outlines of those that the planner took to be there."""
        boxes, number = self.record.perceived, self.record.perceived_id
        if boxes is None or number is None:
            return
        x, y, yaw = self.record.pose[instant, EGO]
        for box in boxes[instant, number[instant] >= 0].astype(np.float64):
            corners = _outline(box[3:]) @ _turn(float(box[2])) + box[:2]
            ring = self._px(corners @ _turn(float(yaw)) + (x, y))
            draw.line([*ring, ring[0]], fill=LIGHT.perceived, width=2)

    def _draw_agent(self, draw: Any, instant: int, agent: int) -> None:
        x, y, yaw = self.record.pose[instant, agent]
        length, width = size_m = self.scenario.tracks.size_m[agent, :2]
        kind = AgentKind(int(self.scenario.tracks.kind[agent]))
        color = self._ego_color if agent == EGO else _AGENTS[kind]
        turn, box = _turn(float(yaw)), _outline(size_m)
        nose = np.array(
            ((0.5 * length, 0.0), (0.15 * length, 0.35 * width), (0.15 * length, -0.35 * width))
        )
        draw.polygon(self._px(box @ turn + (x, y)), fill=color, outline=LIGHT.outline)
        if kind <= AgentKind.CYCLIST:
            draw.polygon(self._px(nose @ turn + (x, y)), fill=(255, 255, 255))

    def _draw_hits(self, draw: Any, instant: int) -> None:
        """A frame around everybody whom the ego has hit, and the word."""
        for agent, first in self._hits.items():
            if instant < first or not self.record.valid[instant, agent]:
                continue
            x, y, yaw = self.record.pose[instant, agent]
            frame = _outline(self.scenario.tracks.size_m[agent, :2] + 2 * _HIT_ROOM_M)
            ring = self._px(frame @ _turn(float(yaw)) + (x, y))
            draw.line([*ring, ring[0]], fill=LIGHT.hit, width=3)
            right, top = max(px for px, _ in ring), min(py for _, py in ring)
            draw.rectangle((right + 2, top - 12, right + 26, top + 2), fill=LIGHT.hit)
            draw.text((right + 7, top - 11), "hit", fill=LIGHT.paper)

    def _draw_lights(self, draw: Any, instant: int) -> None:
        for stop in self.scenario.map.stop_lines:
            color = LIGHT.edge
            if stop.light >= 0:
                states = self.scenario.lights.state[stop.light]
                color = _LIGHTS[LightState(int(states[min(instant, len(states) - 1)]))]
            draw.line(self._px(stop.line_m), fill=color, width=4)


def _turn(yaw_rad: float) -> np.ndarray:
    """The matrix behind rows of points that turns them counter-clockwise."""
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array(((cos, sin), (-sin, cos)))


def _outline(size_m: np.ndarray) -> np.ndarray:
    """The corners of a box of that length and width around the origin."""
    return 0.5 * np.array(((1, 1), (-1, 1), (-1, -1), (1, -1))) * size_m


def video_name(drive: DriveScores) -> str:
    """File name of the video of a scenario driven by a planner."""
    safe = re.sub(r"[^\w.-]", "_", drive.scenario_id)[:100]  # an id from a file may hold anything
    return f"{drive.planner}-{drive.index:06d}-{safe}.mp4"


def write_video(
    path: Path, scenario: Scenario, record: DriveRecord, title: str, planner: int, every: int = 1
) -> None:
    """An mp4 at real speed; with `every` 2 only every second instant is drawn; `planner`: as of `Canvas`."""
    frames = _frames(Canvas(scenario, record, planner), title, every)
    write_mp4(path, frames, (SIZE_PX, SIZE_PX), float(round(1.0 / (record.dt_s * every))))


def _frames(canvas: Canvas, title: str, every: int) -> Iterator[np.ndarray]:
    record = canvas.record
    pose = record.pose[:, EGO, :2]
    seen = "" if record.perceived is None else "   blue: perceived"
    for instant in range(0, len(pose), every):
        step = pose[min(instant + 1, len(pose) - 1)] - pose[max(instant - 1, 0)]
        speed = np.linalg.norm(step) / (2 * record.dt_s)
        caption = f"{title}   t = {instant * record.dt_s:4.1f} s   {speed:4.1f} m/s{seen}"
        yield canvas.frame(instant, caption)
