"""`Tally`: figures that add up, by scenario, of several forecasts; kept as parts by worker processes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from drive.prediction.figures import SceneSums
from eval.forecasts.calibration import Reliability
from sim.files import write_whole
from sim.text_files import read_json_object

Terms = list[float]  # numerator, denominator


@dataclass
class Tally:
    """`sums`: by forecast, figure and scenario; `tables`: by forecast, name and family, as `[*c bins]`.

    `family` of each scenario; `skipped`: names of scenarios that could not be used, and why.
    """

    family: dict[str, str] = field(default_factory=dict)
    sums: dict[str, dict[str, dict[str, Terms]]] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, Reliability]]] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)

    def add_sums(self, forecast: str, sums: SceneSums, scenario: Sequence[str]) -> None:
        """Of a batch; `scenario`: the id of that which each example is of."""
        for figure, (total, number) in sums.items():
            terms = torch.stack((total.double(), number.double()), dim=1).tolist()
            for name, pair in zip(scenario, terms, strict=True):
                self._count(forecast, figure, name, pair)

    def add_table(
        self, forecast: str, name: str, table: Reliability, scenario: Sequence[str]
    ) -> None:
        """Of a batch, `[b *c bins]`."""
        of_each = [self.family[s] for s in scenario]
        for family in dict.fromkeys(of_each):
            mine = torch.tensor([f == family for f in of_each])
            parts = (table.number, table.happened, table.probability)
            self._add(forecast, name, family, Reliability(*(p[mine].sum(dim=0) for p in parts)))

    def join(self, other: "Tally") -> None:
        """What another part holds, of other scenarios."""
        self.family |= other.family
        self.skipped += other.skipped
        for forecast, figures in other.sums.items():
            for figure, held in figures.items():
                for name, terms in held.items():
                    self._count(forecast, figure, name, terms)
        for forecast, names in other.tables.items():
            for name, families in names.items():
                for family, table in families.items():
                    self._add(forecast, name, family, table)

    def _count(self, forecast: str, figure: str, name: str, terms: Terms) -> None:
        held = (
            self.sums.setdefault(forecast, {}).setdefault(figure, {}).setdefault(name, [0.0, 0.0])
        )
        held[0] += terms[0]
        held[1] += terms[1]

    def _add(self, forecast: str, name: str, family: str, table: Reliability) -> None:
        held = self.tables.setdefault(forecast, {}).setdefault(name, {})
        held[family] = held[family] + table if family in held else table

    @property
    def families(self) -> list[str]:
        """Of all scenarios, in order."""
        return sorted(set(self.family.values()))

    def pooled(self, forecast: str, figure: str, family: str | None = None) -> Terms:
        """Added up over a family's scenarios, or all: numerator and denominator."""
        held = self.sums[forecast][figure]
        terms = [t for name, t in held.items() if family in (None, self.family[name])]
        return [sum(column) for column in zip(*terms, strict=True)] if terms else [0.0, 0.0]

    def ratio(self, forecast: str, figure: str, family: str | None = None) -> float:
        """The pooled figure; NaN where nothing counts."""
        top, bottom = self.pooled(forecast, figure, family)
        return top / bottom if bottom else float("nan")

    def by_scenario(
        self, forecast: str, figure: str, family: str | None = None
    ) -> Float[np.ndarray, " n"]:
        """The figure of each scenario of a family, or of all, in the order of their ids."""
        held = self.sums[forecast][figure]
        names = [name for name in sorted(self.family) if family in (None, self.family[name])]
        terms = (held.get(name, [0.0, 0.0]) for name in names)
        return np.array([top / bottom if bottom else np.nan for top, bottom in terms])

    def table(self, forecast: str, name: str, family: str | None = None) -> Reliability | None:
        """Of a family, or of all; None: there is none."""
        held = self.tables[forecast][name]
        parts = [held[f] for f in sorted(held) if family in (None, f)]
        whole = parts[0] if parts else None
        for part in parts[1:]:
            whole = part if whole is None else whole + part
        return whole

    def write(self, path: Path) -> None:
        """As JSON, exactly."""
        plain = {"family": self.family, "sums": self.sums, "skipped": self.skipped}
        tables = {
            forecast: {
                name: {
                    family: [t.number.tolist(), t.happened.tolist(), t.probability.tolist()]
                    for family, t in families.items()
                }
                for name, families in names.items()
            }
            for forecast, names in self.tables.items()
        }
        write_whole(path, json.dumps(plain | {"tables": tables}))

    @staticmethod
    def read(path: Path) -> "Tally":
        """What `write` wrote."""
        told = read_json_object(path)
        tally = Tally(told["family"], told["sums"], {}, told["skipped"])
        for forecast, names in told["tables"].items():
            for name, families in names.items():
                for family, (number, happened, probability) in families.items():
                    table = Reliability(
                        torch.tensor(number),
                        torch.tensor(happened),
                        torch.tensor(probability, dtype=torch.float64),
                    )
                    tally._add(forecast, name, family, table)
        return tally
