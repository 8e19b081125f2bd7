"""What a feature declares: its name, how far it looks back, and what it means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One column of a feature table.

    Attributes:
        name: the column.
        look_back: sessions before t that the value at t depends on. With that many sessions of history the
            value no longer changes by more than 1e-6 of itself, whatever came before. A window is exact; an
            exponential average forgets gradually, so it declares enough.
        description: what it measures, and its unit.
        warm_up: first rows of a history that are null, because the feature is not defined there yet. The
            look-back, unless stated: an exponential average is defined long before it has forgotten where it
            began.
    """

    name: str
    look_back: int
    description: str
    warm_up: int = -1

    def __post_init__(self) -> None:
        """Fill in the warm-up and check it.

        Raises:
            ValueError: the warm-up is longer than the look-back.
        """
        if self.warm_up < 0:
            object.__setattr__(self, "warm_up", self.look_back)
        if self.warm_up > self.look_back:
            raise ValueError(f"{self.name}: warm-up {self.warm_up} is longer than look-back {self.look_back}")
