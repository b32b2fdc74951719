"""The options of `bevdrive train`, one class a task, filled by the command line and YAML presets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainConfig:
    """What every task has. An epoch is `steps_per_epoch` batches: then it is validated and saved."""

    data: tuple[str, ...] = ()
    """the stores to train on, made by `bevdrive collect`: folders, separated by commas"""
    steps: int = 5000
    """optimiser steps"""
    steps_per_epoch: int = 500
    """optimiser steps between two checkpoints; a killed run goes on from the last"""
    batch_size: int = 32
    """examples a step, on each device"""
    accumulate: int = 1
    """batches that are added up to one step"""
    learning_rate: float = 1e-3
    """its highest; it rises for `warmup` steps and then falls along a cosine"""
    warmup: int = 100
    """steps"""
    weight_decay: float = 1e-2
    """of the optimiser (AdamW)"""
    gradient_clip: float = 5.0
    """largest norm of a gradient"""
    start: str | None = None
    """weights to begin from: `default`, a run folder or a file; not given: none"""
    seed: int = 0
    """of the first weights and of the order of the examples: the same seed gives the same weights"""
    val_every: int = 10
    """one of so many scenarios of the store is kept for validation"""
    val_examples: int = 1024
    """at most, evenly spread over those scenarios"""
    workers: int = 0
    """processes that read the store; 0: none beside this one"""
    accelerator: str = "auto"
    """Lightning's: auto, cpu, gpu"""
    devices: int = 1
    """Lightning's: on how many; with several, each step is that many batches"""
    strategy: str = "auto"
    """Lightning's: auto, ddp, ddp_spawn, fsdp"""
    precision: str = "32-true"
    """Lightning's: 32-true, bf16-mixed, 16-mixed"""


@dataclass(frozen=True)
class JointTrainConfig(TrainConfig):
    """Task joint: futures of a whole scene (`drive.prediction.joint`)."""

    width: int = 64
    """of a token"""
    encoder_layers: int = 2
    """layers of the encoder"""
    decoder_layers: int = 1
    """layers of the decoder"""
    heads: int = 4
    """of each layer's attention"""
    pair_width: int = 32
    """of an embedded relative pose"""
    futures: int = 6
    """F"""
    loss: str = "joint"
    """joint: one minimum over F for the whole scene; marginal: one for each agent"""
    each_weight: float = 1.0
    """weight of the error of each agent's own best future beside that of the scene's best one: without it
    nobody's futures part at a fork, because one choice for all hardly depends on one of them"""
    choice_weight: float = 0.2
    """weight of the scores' cross entropy, in metres a nat"""
    relaxed: float = 0.1
    """by what share of their error the futures that are not the best are drawn as well: falls to 0 by
    the middle of the training, and keeps them all in use"""
    condition: float = 0.5
    """in what part of the training examples the ego's future is given"""
    condition_only: bool = False
    """train only how the ego's future is looked at; what is foretold without it stays as it was to the bit"""


@dataclass(frozen=True)
class ImageTrainConfig(TrainConfig):
    """What tasks have whose network sees an image around the ego."""

    width: int = 32
    """of the image's features and of a token: a multiple of 8"""
    resolution_m: float = 0.8
    """of a cell of the image"""
    num_x: int = 160
    """cells ahead and behind"""
    num_y: int = 112
    """cells to the sides"""


@dataclass(frozen=True)
class SeeingTrainConfig(ImageTrainConfig):
    """What tasks have whose image can be of tracks or of sweeps."""

    sensors: str = "tracks"
    """what is known of the others: tracks, or lidar (sweeps alone: the store has to hold them)"""


@dataclass(frozen=True)
class IntentionTrainConfig(SeeingTrainConfig):
    """Task intention: intentions and trajectories of each agent, from lidar of whoever is detected
    (`drive.prediction.intention`)."""

    futures: int = 6
    """K"""
    choice_weight: float = 0.2
    """weight of the trajectories' cross entropy, in metres a nat"""
    intention_weight: float = 0.2
    """weight of the intentions' cross entropy, in metres a nat"""
    relaxed: float = 0.1
    """by what share of their error the trajectories that are not the best are drawn as well: falls to 0
    by the middle of the training"""


@dataclass(frozen=True)
class CoverTrainConfig(ImageTrainConfig):
    """Task cover: which trajectory of a fixed set each agent takes (`drive.prediction.cover`)."""

    futures: int = 6
    """K"""
    epsilon_m: float = 3.0
    """every trajectory of the training examples is nowhere farther than this from one of the set"""
    trajectories: int = 256
    """in the set, at most; the rarest are left out"""
    sampled: int = 4000
    """trajectories of the training examples that the set is made from"""


@dataclass(frozen=True)
class OccupancyTrainConfig(SeeingTrainConfig):
    """Task occupancy: which cells road users will take, and how they move (`drive.prediction.occupancy`)."""

    cell_width: int = 16
    """of the features of a cell of the image: a multiple of 8"""
    modes: int = 2
    """ways on from a cell"""
    motion_weight: float = 0.5
    """weight of the motion's negative log-likelihood"""


@dataclass(frozen=True)
class MarginTrainConfig(TrainConfig):
    """What max-margin tasks have: by how much what was driven has to cost less than a candidate."""

    distance_margin: float = 0.5
    """a metre of mean distance from it"""
    harm_margin: float = 5.0
    """an instant at which the candidate collides"""


@dataclass(frozen=True)
class TermsTrainConfig(TrainConfig):
    """What tasks have that weigh the named terms of a cost."""

    prior: float = 0.3
    """weight of how far the logarithms of the weights are from those of the hand-tuned cost, squared: one
    demonstration more or less is not to turn them over"""
    occupancy: str = "foretold"
    """what terms of safety are read from: foretold (as when it drives), recorded (as it then was: what a
    wrong forecast forbade is then no reason to mind collisions less)"""
    near_m: float = 1.0
    """likelihood: a candidate so much farther from what was driven, in the mean, is e times less wanted"""
    forecast: str = "default"
    """weights of task joint: the occupancy that is foretold; with --end-to-end of task occupancy"""


@dataclass(frozen=True)
class InterpretableTrainConfig(TermsTrainConfig, MarginTrainConfig):
    """Task p3: the weights of named terms (`drive.planning.interpretable`)."""

    loss: str = "margin"
    """margin: structured max-margin, as published; likelihood: what is near to what was driven, and harms
    nobody, is to be likely under exp(-cost)"""
    most_m: float = 3.0
    """margin: who is farther from what was driven, in the mean, need not cost more for it"""
    end_to_end: bool = False
    """terms of safety are read from a network of task occupancy, in place of what --occupancy says, and it is
    trained with their weights; it begins with --forecast and becomes part of what is saved"""
    occupancy_rate: float = 1e-4
    """end to end: the learning rate of that network"""
    occupancy_weight: float = 5.0
    """end to end: of that network's own loss, so that it stays an occupancy"""


@dataclass(frozen=True)
class BehaviourTrainConfig(TermsTrainConfig):
    """Task behaviour: the same weights for behaviour and trajectory (`drive.planning.behaviour`)."""

    mismatch_m: float = 1.0
    """a candidate of another behaviour than what was driven counts as so much farther from it"""
    imitation: float = 1.0
    """weight of how far the refined trajectory is from what was driven, in nats a metre"""
    refine_steps: int = 6
    """down the cost, from the best candidate of the behaviour that was driven"""


@dataclass(frozen=True)
class BcTrainConfig(TrainConfig):
    """Task bc: what the ego did in the recording (`drive.planning.imitation`)."""

    width: int = 64
    """of a token"""
    encoder_layers: int = 2
    """layers of the encoder"""
    heads: int = 4
    """of each layer's attention"""
    pair_width: int = 32
    """of an embedded relative pose"""
    modes: int = 6
    """ways to go on"""
    mask_motion: float = 0.7
    """in what part of the training examples the ego's own past is hidden, so that it is not merely
    continued"""
    choice_weight: float = 0.2
    """weight of the scores' cross entropy, in metres a nat"""
    relaxed: float = 0.1
    """by what share of their error the ways that are not the best are drawn as well: falls to 0 by the
    middle of the training"""


@dataclass(frozen=True)
class EnergyNetworkTrainConfig(TrainConfig):
    """What tasks have that train an energy (`drive.planning.energy`)."""

    width: int = 32
    """of a token, and of what is known of an instant"""
    encoder_layers: int = 2
    """layers of the encoder"""
    heads: int = 4
    """of each layer's attention"""
    pair_width: int = 16
    """of an embedded relative pose"""
    mask_motion: float = 0.7
    """in what part of the training examples the ego's own past is hidden"""


@dataclass(frozen=True)
class AutoregressiveEnergyTrainConfig(EnergyNetworkTrainConfig):
    """Task autoregressive_energy: what comes next, step by step (`drive.planning.energy.autoregressive`)."""


@dataclass(frozen=True)
class EnergyTrainConfig(EnergyNetworkTrainConfig):
    """Task energy: how unlike an expert's a trajectory is."""

    negatives: str = "sampler"
    """what the expert is told from: sampler (what the planner's sampler proposes), langevin (what is bent
    from that down the energy, with a penalty on steep gradients: Implicit BC)"""
    candidates: int = 128
    """of the sampler's, drawn anew for each example"""
    jittered: int = 16
    """negatives beside those: the expert's own trajectory, bent a little"""
    counter_examples: int = 8
    """negatives by langevin"""
    langevin_steps: int = 20
    """of each of those, down the energy (100 in the paper)"""
    penalty_weight: float = 1.0
    """of the penalty on steep gradients"""


@dataclass(frozen=True)
class SocialTrainConfig(MarginTrainConfig):
    """Task social: energies of what everybody does, together (`drive.planning.social`)."""

    hidden: int = 64
    """of what is thought of a trajectory"""
    pair_hidden: int = 32
    """of what is thought of two road users"""
    most_m: float = 3.0
    """who is farther from what was driven, in the mean, need not cost more for it"""
    plan_weight: float = 0.02
    """of the margin of the ego's plan beside the cross entropies, which are in nats a road user"""
    forecast: str = "default"
    """weights of task joint: the ways that the others may take, and the tokens"""
    others_only: bool = False
    """the ego's plans are no examples for it, as those of random_plan: only what the others did is learned"""


@dataclass(frozen=True)
class CostVolumeTrainConfig(MarginTrainConfig, SeeingTrainConfig):
    """Task costvolume: what it costs to be in a cell at an instant (`drive.planning.cost_volume`)."""

    num_x: int = 104
    """cells ahead and behind"""
    num_y: int = 56
    """cells to the sides"""
    distance_margin: float = 0.2
    """a metre from it at an instant"""
    rule_margin: float = 5.0
    """an instant at which the candidate is off all lanes"""
    forecast: str = "default"
    """weights of task joint: the occupancy that the network is shown; with --sensors lidar of task occupancy,
    of the same sensors: they become part of what is saved"""
    candidates: int = 256
    """of each of two samplers: courses along the route, and curves as in NMP"""
    random_speeds: float = 0.8
    """what part of the curves begins with another speed than the ego's"""
    mask_motion: float = 0.7
    """in what part of the training examples the ego's own past and velocity are hidden, so that it is
    not merely continued"""
    relu_inside: bool = True
    """each instant has to fulfil its own margin; else the trajectory as a whole"""


CONFIGS: dict[str, type[TrainConfig]] = {
    "joint": JointTrainConfig,
    "intention": IntentionTrainConfig,
    "cover": CoverTrainConfig,
    "occupancy": OccupancyTrainConfig,
    "p3": InterpretableTrainConfig,
    "behaviour": BehaviourTrainConfig,
    "bc": BcTrainConfig,
    "social": SocialTrainConfig,
    "energy": EnergyTrainConfig,
    "autoregressive_energy": AutoregressiveEnergyTrainConfig,
    "costvolume": CostVolumeTrainConfig,
}
