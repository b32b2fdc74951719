"""The declaration of a metric: all that tables, reports and recorded drives know of it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from sim.errors import InputError


@dataclass(frozen=True)
class Failure:
    """What it is called, in a word or two, that a drive's value is worse than `bound`."""

    name: str
    bound: float = 1.0


@dataclass(frozen=True)
class Curve:
    """How the course of a metric over a drive (`MetricResult.per_step`) is recorded and read.

    `kind`: "pass" is 1 as long as all is well, and where it is below 1 something has failed; "share"
    lies between 0 and 1; "value" is any number, in `unit`.
    """

    label: str
    kind: Literal["pass", "share", "value"]
    unit: str = ""


@dataclass(frozen=True)
class Metric:
    """One number about a drive: what it is called, how it is read and shown, and who defined it."""

    key: str
    """FAMILY/NAME, as files name it: "nuplan/comfort" """
    label: str
    """as the report names it"""
    source: str
    """the paper or the code that defines it"""
    column: str = ""
    """short name in the tables of the terminal; empty: they leave it out"""
    higher_is_better: bool = True
    unit: str = ""
    """empty: it lies between 0 and 1"""
    failure: Failure | None = None
    """None: no value of it is a failure"""
    curve: Curve | None = None
    """None: its course is not recorded"""

    def __post_init__(self) -> None:
        family, _, name = self.key.partition("/")
        if not family or not name:
            raise InputError(f"metric {self.key!r}: its key must be FAMILY/NAME")
        for field in ("label", "source"):
            if not getattr(self, field):
                raise InputError(f"metric {self.key!r}: it has no {field}")

    @property
    def title(self) -> str:
        """The label with the unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def has_failed(self, value: float) -> bool:
        """Whether this value is a failure; NaN is none."""
        if self.failure is None:
            return False
        if self.higher_is_better:
            return value < self.failure.bound
        return value > self.failure.bound

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> "Metric":
        """The inverse of `to_plain`."""
        failure, curve = plain["failure"], plain["curve"]
        parts: dict[str, Any] = {
            "failure": Failure(**failure) if failure else None,
            "curve": Curve(**curve) if curve else None,
        }
        return Metric(**plain | parts)
