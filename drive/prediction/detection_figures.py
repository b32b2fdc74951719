"""How good detections are, and what is foretold of them: sums that add up, and matches of each frame."""

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from drive.features.example import Example
from drive.features.vectors import VectorScene
from drive.networks.joint_head import JointFutures
from drive.perception.assignment import NOBODY, mutual_best
from drive.prediction.detection_head import RoadUsers
from drive.prediction.detection_truth import RoadUserTruth
from drive.prediction.figures import HORIZON_S, Sums, as_futures, displacement_figures, figures_of
from drive.prediction.intention import IntentionFutures
from drive.prediction.intention_figures import intention_figures
from drive.prediction.joint import poses_in_scene
from eval.metrics.detection import Matched, matched, nearness, overlaps
from sim.geometry import se2

CENTER_M = 2.0  # how near a centre has to be to a true one, as nuScenes counts them
_LIKENESSES = {"AP_2m": (nearness, -CENTER_M), "AP_iou50": (overlaps, 0.5)}


def matched_frames(users: RoadUsers, truth: RoadUserTruth) -> dict[str, list[Matched]]:
    """Each scene's detections against who was to be found, by name of the average precision.

    Who is excused, or beyond where everybody is known, does not count.
    """
    frames: dict[str, list[Matched]] = {name: [] for name in _LIKENESSES}
    known = (users.detections.box[..., :2].norm(dim=-1) <= truth.reach_m.unsqueeze(1)).cpu()
    for b, there in enumerate(users.there.cpu()):
        of_truth = (truth.findable[b] | truth.excused[b]).cpu()
        found, true = users.detections.box[b].cpu()[there], truth.box[b].cpu()[of_truth]
        score, findable = users.detections.score[b].cpu()[there], truth.findable[b].cpu()[of_truth]
        for name, (like, at_least) in _LIKENESSES.items():
            likeness = like(found, true)
            frames[name].append(matched(likeness, score, at_least, findable, known[b][there]))
    return frames


def partners(users: RoadUsers, truth: RoadUserTruth) -> Int[Tensor, "b a"]:
    """Which detection each of the others is who was to be found, the nearest first; else `NOBODY`."""
    distance_m = torch.cdist(truth.box[:, 1:, :2], users.detections.box[..., :2])
    possible = truth.findable[:, 1:].unsqueeze(2) & users.there.unsqueeze(1)
    possible = possible & (distance_m <= CENTER_M)
    return mutual_best(torch.where(possible, distance_m, torch.inf))


def of_agents(
    said: IntentionFutures, found: VectorScene, partner: Int[Tensor, "b a"], scene: VectorScene
) -> tuple[IntentionFutures, VectorScene]:
    """What is said of detections (`found`, a scene `as_agents`) as said of the agents of `scene`, in their
    frames; who was missed is not valid there. The ego is the ego of both."""
    row = torch.cat((torch.zeros_like(partner[:, :1]), partner + 1), dim=1)  # the ego's is 0
    valid = torch.cat((scene.agent_valid[:, :1], partner != NOBODY), dim=1)

    batch = torch.arange(len(row), device=row.device).unsqueeze(1)
    place_m = poses_in_scene(found, said.futures.position_m)[..., :2].transpose(1, 2)[batch, row]
    own = se2.inverse(scene.agent_pose)[:, :, None, None]
    futures = JointFutures(
        se2.transform_points(own, place_m).transpose(1, 2),
        said.futures.logit.transpose(1, 2)[batch, row].transpose(1, 2),
        said.futures.dt_s,
    )
    logit = said.intention_logit[batch, row]
    return IntentionFutures(futures, logit), replace(scene, agent_valid=valid)


def detection_figures(
    users: RoadUsers,
    agents: VectorScene,
    said: IntentionFutures,
    truth: RoadUserTruth,
    scene: VectorScene,
    example: Example,
) -> Sums:
    """Of those of the `scene` who were to be found: how many were (`found`), with the right class, facing
    within a quarter of a turn; and of those who were found errors of velocities, of trajectories beside
    standing still (`ADE_still`), and of intentions."""
    partner = partners(users, truth)
    batch = torch.arange(len(partner), device=partner.device).unsqueeze(1)
    row = partner.clamp(min=0)
    of_class = users.class_logit.argmax(dim=-1)[batch, row] == truth.label[:, 1:]
    turned = users.detections.box[batch, row, 6] - truth.box[:, 1:, 6]
    off_mps = (users.velocity_mps[batch, row] - truth.velocity_mps[:, 1:]).norm(dim=-1)
    is_found, number = partner != NOBODY, (partner != NOBODY).sum()
    said, seen = of_agents(said, agents, partner, scene)
    points = round(HORIZON_S / said.futures.dt_s)
    stays = seen.agent_pose[:, :, None, :2].expand(-1, -1, points, -1)
    still = as_futures(stays, seen, said.futures.dt_s)
    ade, moving = displacement_figures(still, seen, example, False, 1)["ADE1"]
    return {
        "found": (number, truth.findable[:, 1:].sum()),
        "class": ((of_class & is_found).sum(), number),
        "velocity_mps": (torch.where(is_found, off_mps, 0.0).sum(), number),
        "facing": ((turned.cos().gt(0.0) & is_found).sum(), number),
        **figures_of(said.futures, seen, example, per_agent=True),
        "ADE_still": (ade.sum(), moving.sum()),
        **intention_figures(said.intention_logit, seen, example),
    }
