"""What generated scenarios are called, and the seeds that follow from it."""

import hashlib
from dataclasses import dataclass

from sim.errors import InputError, one_of

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class GeneratedId:
    """Which generated scenario; written FAMILY-SPLIT-SEED-NUMBER, as "merge-val-0-000007"."""

    family: str
    split: str
    seed: int
    number: int

    def __str__(self) -> str:
        return f"{self.family}-{self.split}-{self.seed}-{self.number:06d}"

    @property
    def random_seed(self) -> int:
        """Of the generator: a number that no other scenario shares."""
        return scenario_seed(self.split, self.family, self.seed, self.number)

    @staticmethod
    def parse(text: str) -> "GeneratedId":
        """Raises InputError for what is not written so, and for an unknown split."""
        family, split, seed, number = text.split("-") if text.count("-") == 3 else ("",) * 4
        if not (_is_number(seed) and _is_number(number)):
            told = "is no id of a generated scenario, as merge-val-0-000007"
            raise InputError(f"--scenario: {text!r} {told}")
        one_of(f"{text}: split", split, SPLITS)
        return GeneratedId(family, split, int(seed), int(number))


def scenario_seed(split: str, family: str, seed: int, index: int) -> int:
    """A seed that no other split, family, seed or index shares (64 bits of SHA-256)."""
    text = f"bevdrive/{split}/{family}/{seed}/{index}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
