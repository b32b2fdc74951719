"""Agents as shapes: boxes, trails; and the text that a click on a box shows."""

import numpy as np

from eval.view.ground_heights import GroundHeights
from eval.view.lidar_points import LabeledPoints
from eval.view.map_shapes import box_faces
from eval.view.palette import Colors
from eval.view.shapes import (
    Lines,
    Mesh,
    Rgb,
    Shape,
    ShownBox,
    box_corners,
    box_edges,
    join_lines,
    join_meshes,
    paint,
    polyline,
    rotation_z,
)
from eval.view.viewed_scene import ViewedScene
from sim.scenario import EGO, AgentKind

TRAIL_S = 3.0
_FACE_OPACITY = 0.45
_HIT_MARGIN_M, _HIT_PX = 0.2, 5.0
_FACES = np.array(((4, 5, 6, 7), (0, 3, 7, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3)))
_ARROW = np.array(((0.48, 0.0, 0.51), (0.1, 0.32, 0.51), (0.1, -0.32, 0.51)))  # on the roof
_ARROW_RGB = (245, 245, 245)


def color_of(scene: ViewedScene, agent: int, colors: Colors) -> Rgb:
    """The colour of the agent's kind; the ego has its own."""
    if agent == EGO:
        return colors.ego
    return colors.kinds[AgentKind(int(scene.scenario.tracks.kind[agent]))]


def box_shapes(scene: ViewedScene, instant: int, colors: Colors) -> list[Shape]:
    """Layer `boxes`: for each agent present translucent faces, edges, an arrow ahead on the roof.

    Thick lines are around those that the ego has collided with so far.
    """
    hit = scene.hit_by(instant)
    motion, size = scene.motion, scene.scenario.tracks.size_m
    meshes: list[Mesh] = []
    edges: list[Lines] = []
    for agent in np.flatnonzero(motion.valid[instant]).tolist():
        rgb = color_of(scene, agent, colors)
        place = np.append(motion.pose[instant, agent, :2], motion.z_m[instant, agent])
        yaw = float(motion.pose[instant, agent, 2])
        corners = box_corners(place, size[agent], yaw)
        faces = corners[_FACES]
        triangles, shades = box_faces(faces, rgb)
        opacity = 0.7 if agent == EGO else _FACE_OPACITY
        vertices = faces.reshape(-1, 3).astype(np.float32)
        meshes.append(Mesh(vertices, triangles.astype(np.int32), shades, opacity))
        arrow = ((_ARROW * size[agent]) @ rotation_z(yaw).T + place).astype(np.float32)
        tip = np.array(((0, 1, 2),), dtype=np.int32)
        meshes.append(Mesh(arrow, tip, paint(3, _ARROW_RGB), 1.0))
        edges.append(box_edges(corners, rgb, 1.5))
        if hit[agent]:
            around = box_corners(place, size[agent] + _HIT_MARGIN_M, yaw)
            edges.append(box_edges(around, colors.hit, _HIT_PX))
    return [*join_meshes(meshes), *join_lines(edges)]


def trail_shapes(
    scene: ViewedScene, heights: GroundHeights, instant: int, colors: Colors
) -> list[Shape]:
    """Layer `trails`: the path of the last `TRAIL_S` of each agent present that has moved."""
    motion = scene.motion
    first = max(0, instant - round(TRAIL_S / motion.dt_s))
    lines = []
    for agent in np.flatnonzero(motion.valid[instant]).tolist():
        gone = np.flatnonzero(~motion.valid[first : instant + 1, agent])
        begin = first + (int(gone[-1]) + 1 if len(gone) else 0)
        path = motion.pose[begin : instant + 1, agent, :2]
        if len(path) > 1 and np.ptp(path, axis=0).max() > 0.3:
            rgb = colors.faint(color_of(scene, agent, colors), 0.75)
            lines.append(polyline(heights.lift(path, 0.1), rgb, 2.0))
    return list(join_lines(lines))


def shown_boxes(scene: ViewedScene, instant: int, points: LabeledPoints | None) -> list[ShownBox]:
    """The boxes that can be clicked on, with number, class, place, speed and points as text."""
    tracks, motion = scene.scenario.tracks, scene.motion
    velocity = motion.velocity_mps(instant)
    hit, touched = scene.hit_by(instant), scene.touching[instant]
    boxes = []
    for agent in np.flatnonzero(motion.valid[instant]).tolist():
        x, y, yaw = motion.pose[instant, agent].tolist()
        z, size = float(motion.z_m[instant, agent]), tracks.size_m[agent]
        name = "ego" if agent == EGO else f"{agent} {tracks.category[agent].split('.')[-1]}"
        name = f"hit: {name}" if hit[agent] else name
        values = {
            "number": str(agent),
            "id": tracks.track_id[agent],
            "category": tracks.category[agent],
            "position": f"{x:.2f}, {y:.2f}, {z:.2f} m",
            "yaw": f"{np.degrees(yaw):.1f} deg",
            "size": " x ".join(f"{side:.2f}" for side in size) + " m",
            "speed": f"{np.linalg.norm(velocity[agent]):.2f} m/s",
        }
        if agent in scene.hits:
            values["hit"] = f"at {scene.hits[agent] * motion.dt_s:.1f} s"
        if points is not None:
            values["points"] = str(int((points.agent == agent).sum()))
        center, marks = np.array((x, y, z)), (bool(touched[agent]), bool(hit[agent]))
        boxes.append(ShownBox(center, np.asarray(size), yaw, name, values, *marks))
    return boxes
