"""What a family must know about all data before the first step of a fit."""


class Survey(dict):
    """What a family must know about all data before the first step, by name. The surveys of shards are added name by
    name: sets by union, everything else by its own `+`; None is neutral.

    >>> from chmm.emissions import Survey
    >>> sum([Survey(symbols={"a", "b"}, total=3.0), Survey(symbols={"c"}, total=1.0)])["total"]
    4.0
    """

    def __add__(self, other: "Survey") -> "Survey":
        if not isinstance(other, Survey):
            return NotImplemented
        if self.keys() != other.keys():
            one, two = (sorted(own.keys() - {"n_columns", "n_sequences", "n_steps"}) for own in (self, other))
            raise ValueError(f"these surveys are of two families, {', '.join(one)} and {', '.join(two)}")
        if self.get("n_columns") != other.get("n_columns"):
            columns = " and ".join(str(n) for n in (*self["n_columns"], *other["n_columns"]))
            raise ValueError(f"these surveys are of data with {columns} columns, so they do not add up")
        return Survey({name: _added(value, other[name]) for name, value in self.items()})

    def __radd__(self, other):
        return self if other == 0 else NotImplemented  # for sum()


def _added(one, other):
    if one is None or other is None:
        return other if one is None else one
    return one | other if isinstance(one, set | frozenset) else one + other
