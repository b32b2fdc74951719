"""The sizes of road users, which need no label: what has none of them, and how long a car is of which only an
end was ever seen."""

from dataclasses import dataclass

CAR_LENGTH_M = 4.5
_DEEPEST_M = 0.7  # an end that is seen straight on is a thin box


@dataclass(frozen=True)
class Size:
    """Of a body; `across`: its length lies where the width of what was seen of it does."""

    length_m: float
    width_m: float
    height_m: float
    across: bool = False


@dataclass(frozen=True)
class Kind:
    """From where to where length, width and height of a kind go."""

    length_m: tuple[float, float]
    width_m: tuple[float, float]
    height_m: tuple[float, float]

    def fits(self, size: Size) -> bool:
        """Whether all three lie there."""
        return (
            self.length_m[0] <= size.length_m <= self.length_m[1]
            and self.width_m[0] <= size.width_m <= self.width_m[1]
            and self.height_m[0] <= size.height_m <= self.height_m[1]
        )


PERSON = Kind((0.35, 1.1), (0.35, 1.1), (1.0, 2.1))
TWO_WHEELER = Kind((1.3, 2.5), (0.35, 1.1), (1.0, 2.1))
CAR = Kind((3.3, 5.8), (1.4, 3.0), (0.8, 2.4))
LARGE = Kind((5.5, 20.0), (1.7, 3.2), (1.8, 4.5))
CAR_END = Kind((0.0, 3.3), (1.4, 2.6), (0.6, 2.4))


def body_of(seen: Size, drives: bool) -> Size | None:
    """The road user of which so much was seen; None: it is none.

    The length of who drives is that along its way; of what stands, the longer side. A two-wheeler that stands
    has no rider.
    """
    if drives and CAR_END.fits(seen):
        return Size(CAR_LENGTH_M, seen.width_m, seen.height_m)
    turned = Size(seen.width_m, seen.length_m, seen.height_m, across=True)
    if not drives and seen.width_m < _DEEPEST_M and CAR_END.fits(turned):
        return Size(CAR_LENGTH_M, turned.width_m, turned.height_m, across=True)
    kinds = (PERSON, TWO_WHEELER, CAR, LARGE) if drives else (PERSON, CAR, LARGE)
    longer = seen if seen.length_m >= seen.width_m else turned
    return seen if any(kind.fits(longer) for kind in kinds) else None
