"""What is wrong with the options of `bevdrive train`."""

from drive.training.config import (
    BcTrainConfig,
    BehaviourTrainConfig,
    CostVolumeTrainConfig,
    CoverTrainConfig,
    EnergyNetworkTrainConfig,
    EnergyTrainConfig,
    ImageTrainConfig,
    IntentionTrainConfig,
    InterpretableTrainConfig,
    JointTrainConfig,
    MarginTrainConfig,
    OccupancyTrainConfig,
    SeeingTrainConfig,
    SocialTrainConfig,
    TermsTrainConfig,
    TrainConfig,
)
from sim.errors import InputError, one_of
from sim.extras import require_installed


def check(config: TrainConfig) -> None:
    """Raise InputError for what is wrong with the options; the store is looked at elsewhere."""
    require_installed("train", "lightning")
    least = {
        "steps": 1, "steps_per_epoch": 1, "batch_size": 1, "accumulate": 1, "warmup": 0, "seed": 0,
        "val_every": 2, "val_examples": 1, "workers": 0, "devices": 1, "weight_decay": 0,
        "gradient_clip": 0,
    }  # fmt: skip
    if isinstance(config, JointTrainConfig):
        one_of("--loss", config.loss, ("joint", "marginal"))
        least |= {"decoder_layers": 1, "futures": 1, "choice_weight": 0}
    if isinstance(config, BcTrainConfig):
        least |= {"modes": 1, "choice_weight": 0}
    if isinstance(config, EnergyTrainConfig):
        one_of("--negatives", config.negatives, ("sampler", "langevin"))
        least |= {"candidates": 1, "jittered": 0, "counter_examples": 1, "langevin_steps": 1,
                  "penalty_weight": 0}  # fmt: skip
    if isinstance(config, JointTrainConfig | BcTrainConfig | EnergyNetworkTrainConfig):
        least |= {"width": 4, "encoder_layers": 0, "heads": 1, "pair_width": 1}
        if config.width % config.heads:
            raise InputError(f"--heads: {config.heads} does not divide --width {config.width}")
    if isinstance(config, ImageTrainConfig):
        least |= {"width": 8, "num_x": 16, "num_y": 16}
        if config.width % 8:
            raise InputError(f"--width: must be a multiple of 8, not {config.width}")
        if not 0.1 <= config.resolution_m <= 4:
            raise InputError(f"--resolution-m: must be from 0.1 to 4, not {config.resolution_m}")
    if isinstance(config, SeeingTrainConfig):
        _check_sensors(config)
    if isinstance(config, IntentionTrainConfig | CoverTrainConfig):
        least |= {"futures": 1}
    if isinstance(config, IntentionTrainConfig):
        least |= {"choice_weight": 0, "intention_weight": 0}
    if isinstance(config, OccupancyTrainConfig):
        least |= {"cell_width": 8, "modes": 1, "motion_weight": 0}
        if config.cell_width % 8:
            raise InputError(f"--cell-width: must be a multiple of 8, not {config.cell_width}")
    if isinstance(config, InterpretableTrainConfig):
        one_of("--loss", config.loss, ("margin", "likelihood"))
        least |= {"most_m": 0, "occupancy_weight": 0}
        if not 0 <= config.occupancy_rate < 1:
            told = f"must be from 0 to 1, not {config.occupancy_rate}"
            raise InputError(f"--occupancy-rate: {told}")
    if isinstance(config, BehaviourTrainConfig):
        least |= {"mismatch_m": 0, "imitation": 0, "refine_steps": 0}
    if isinstance(config, TermsTrainConfig):
        one_of("--occupancy", config.occupancy, ("foretold", "recorded"))
        least |= {"prior": 0}
        if not 0.01 <= config.near_m <= 100:
            raise InputError(f"--near-m: must be from 0.01 to 100, not {config.near_m}")
    if isinstance(config, MarginTrainConfig):
        least |= {"distance_margin": 0, "harm_margin": 0}
    if isinstance(config, SocialTrainConfig):
        least |= {"hidden": 1, "pair_hidden": 1, "most_m": 0, "plan_weight": 0}
    if isinstance(config, CoverTrainConfig):
        least |= {"trajectories": 1, "sampled": 1}
        if not 0.1 <= config.epsilon_m <= 100:
            raise InputError(f"--epsilon-m: must be from 0.1 to 100, not {config.epsilon_m}")
    if isinstance(config, CostVolumeTrainConfig):
        least |= {"rule_margin": 0, "candidates": 1}
    for name in ("condition", "relaxed", "each_weight", "mask_motion", "random_speeds"):
        if not 0 <= getattr(config, name, 0) <= 1:
            option = name.replace("_", "-")
            raise InputError(f"--{option}: must be from 0 to 1, not {getattr(config, name)}")
    for name, bound in least.items():
        value = getattr(config, name)
        if value < bound:
            raise InputError(f"--{name.replace('_', '-')}: must be at least {bound}, not {value}")
    if config.steps % config.steps_per_epoch:
        told = f"no multiple of --steps-per-epoch {config.steps_per_epoch}"
        raise InputError(f"--steps: {config.steps} is {told}")
    if not 0 < config.learning_rate < 1:
        raise InputError(f"--learning-rate: must be between 0 and 1, not {config.learning_rate}")
    one_of("--accelerator", config.accelerator, ("auto", "cpu", "gpu"))
    one_of("--strategy", config.strategy, ("auto", "ddp", "ddp_spawn", "fsdp"))
    one_of("--precision", config.precision, ("32-true", "bf16-mixed", "16-mixed"))
    if not config.data:
        raise InputError("--data: which store? (made by `bevdrive collect`)")


def _check_sensors(config: SeeingTrainConfig) -> None:
    """Sweeps are stored as cells: others cannot be made of them."""
    from drive.features.sweeps import GRID, SENSORS

    one_of("--sensors", config.sensors, SENSORS)
    if config.sensors == "lidar" and config.resolution_m != GRID.resolution_m:
        told = f"must be {GRID.resolution_m} with --sensors lidar, not {config.resolution_m}"
        raise InputError(f"--resolution-m: {told}")
