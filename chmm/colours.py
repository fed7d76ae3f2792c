"""A colour for each state, the same in every picture and table."""

ANCHORS = (  # of viridis, by S. van der Walt and N. Smith: ever lighter, and distinct to the colour-blind
    (68, 1, 84), (72, 40, 120), (62, 73, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137), (53, 183, 121),
    (110, 206, 88), (181, 222, 43),
)  # fmt: skip


def of_states(n: int) -> list[str]:
    """n colours "#rrggbb" from dark to light, so that they differ in grey, too."""
    return [_between(0.5 if n == 1 else i / (n - 1)) for i in range(n)]


def _between(share):
    place = share * (len(ANCHORS) - 1)
    k = min(int(place), len(ANCHORS) - 2)
    part = place - k
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(ANCHORS[k], ANCHORS[k + 1], strict=True))


def is_dark(colour: str) -> bool:
    """Whether white is easier to read on it than black."""
    red, green, blue = _parts(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 140


def darker(colour: str) -> str:
    return "#" + "".join(f"{round(0.6 * part):02x}" for part in _parts(colour))


def _parts(colour):
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
