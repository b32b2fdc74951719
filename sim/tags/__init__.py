"""Content tags: what happens in a scenario, generated or recorded, found in its recording.

nuPlan's scenario types are the model, by name where its rule is public or nearly so (motional's
competition page; `livmeraki/ms-odd-tagging` for others): the words of each `Tag` say what holds here.
"""

import torch

from sim.tags import junctions, leads, motion, surroundings
from sim.tags.recorded import Recorded, lanes_of_ego
from sim.tags.tag import Tag
from sim.world import World

TAGS: dict[str, Tag] = {
    tag.name: tag for tag in (*motion.TAGS, *junctions.TAGS, *leads.TAGS, *surroundings.TAGS)
}


def tags_of(world: World) -> list[tuple[str, ...]]:
    """The tags that each scenario carries, in the order of `TAGS`; needs the worlds' maps.

    World by world, but for the ego's lanes: the rest needs much memory.
    """
    found = []
    for number, lanes in enumerate(lanes_of_ego(world)):
        alone = world.take(torch.tensor([number], device=world.size_m.device))
        recorded = Recorded.of(alone, lanes)
        found.append(tuple(name for name, tag in TAGS.items() if tag.is_carried(recorded)))
    return found
