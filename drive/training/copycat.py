"""Scenes in which the ego's own motion is hidden, so that nobody learns merely to go on as before.

A policy that sees its past copies it, and once it stands it goes on standing (de Haan et al. 2019, "Causal
confusion in imitation learning").
"""

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from drive.features.sweeps import without_earlier
from drive.features.vectors import VectorScene
from sim.scenario import EGO


def without_ego_past(scene: VectorScene, hidden: Bool[Tensor, " b"]) -> VectorScene:
    """The same, but the ego's own history, and its sweeps, end with its present where it is hidden."""
    sweeps = scene.sweeps
    gone = torch.zeros_like(scene.history_valid)
    gone[:, EGO, :-1] = hidden.unsqueeze(1)
    return replace(
        scene,
        history_pose=torch.where(gone.unsqueeze(-1), 0.0, scene.history_pose),
        history_velocity_mps=torch.where(gone.unsqueeze(-1), 0.0, scene.history_velocity_mps),
        history_valid=scene.history_valid & ~gone,
        sweeps=None if sweeps is None else without_earlier(sweeps, hidden),
    )


def without_ego_motion(scene: VectorScene, hidden: Bool[Tensor, " b"]) -> VectorScene:
    """The same, but nothing says how fast the ego is either."""
    seen = without_ego_past(scene, hidden)
    now = torch.zeros_like(scene.history_valid)
    now[:, EGO, -1] = hidden
    velocity_mps = torch.where(now.unsqueeze(-1), 0.0, seen.history_velocity_mps)
    return replace(seen, history_velocity_mps=velocity_mps)
