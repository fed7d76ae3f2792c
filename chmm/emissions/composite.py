"""What emissions made of others have in common: every hook goes to the members, and their answers are put together."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..exceptions import entitle
from ..sequences import Sequences
from .base import Emission
from .survey import Survey


class Composite(Emission, ABC):
    """An emission made of `members`. A subclass says what each member sees (`shares`) and how `log_likelihood`,
    `sample` and `together` combine the members' answers. An error that a member raises is prefixed with its `title`."""

    max_inner_iter = property(lambda self: max(member.max_inner_iter for member in self.members))

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the members; the names of their statistics begin with them."""
        return tuple(map(str, range(len(self.members))))

    def title(self, k: int) -> str:
        """The name of member k in an error."""
        return f"members[{k}], {type(self.members[k]).__name__}"

    @abstractmethod
    def shares(self, values: Any, weights: np.ndarray) -> Iterable[tuple[Any, np.ndarray]]:
        """The values and weights that each member sees."""

    def parts(self, data: Sequences) -> list[Sequences]:
        """The data that each member sees."""
        return [data] * len(self.members)

    def together(self, tables: list[np.ndarray | None]) -> np.ndarray | None:
        """(n_states, n_features) from such a table of each member, None where a member has none; by default None."""
        return None

    @contextmanager
    def naming(self, k: int) -> Iterator[Emission]:
        """Gives member k; an error raised meanwhile names it."""
        try:
            yield self.members[k]
        except (TypeError, ValueError) as error:
            entitle(error, self.title(k))
            raise

    @property
    def complete(self) -> bool:
        return len(self._known()) == len(self.parameters) and all(member.complete for member in self.members)

    def members_states(self, n_states: int) -> int:
        """The number of states of each member if this emission has n_states."""
        return n_states

    def members_order(self, order: np.ndarray) -> np.ndarray:
        """The order of each member's states if the states of this emission are put into this order."""
        return order

    def reordered(self, order):
        other = super().reordered(order)
        inside = self.members_order(np.asarray(order))
        other.members = tuple(member.reordered(inside) for member in self.members)
        return other

    def mean(self):
        return self.together([member.mean() for member in self.members])

    def variance(self):
        return self.together([member.variance() for member in self.members])

    # Learning -------------------------------------------------------------------------------------------------------

    def survey(self, data):
        parts = self.parts(data)
        found = Survey()
        for k, key in enumerate(self.keys):
            with self.naming(k) as member:
                found[key] = member.survey(parts[k])
        return found

    def prepare(self, survey, n_states, pseudocount):
        for k, key in enumerate(self.keys):
            with self.naming(k) as member:
                member.prepare(survey[key], self.members_states(n_states), pseudocount)

    def statistics(self, values, weights):
        """The members' statistics, each key prefixed with "member."."""
        return self._by_member(lambda member, mine: member.statistics(*mine), self.shares(values, weights))

    def _by_member(self, ask, *each):
        """{"member.name": value} of the {name: value} that `ask` gives for a member; `each` : for each member one."""
        parts = zip(self.keys, self.members, *each, strict=True)
        return {f"{key}.{name}": value for key, *asked in parts for name, value in ask(*asked).items()}

    def update(self, statistics):
        self._copy_members()
        for k, key in enumerate(self.keys):
            with self.naming(k) as member:
                member.update(part_of(statistics, key))

    def start(self, values, weights, rng):
        for k, mine in enumerate(self.shares(values, weights)):
            with self.naming(k) as member:
                member.start(*mine, rng)

    def recentre(self, statistics, other):
        def moved(member, key, one):
            return member.recentre(part_of(statistics, key), one)

        return statistics | self._by_member(moved, self.keys, other.members)

    def log_prior(self):
        return sum(member.log_prior() for member in self.members)

    # Parameters as coordinates: of the members, each name with "member." before it --------------------------------

    def unconstrained(self):
        return super().unconstrained() | self._by_member(lambda member: member.unconstrained())

    def replaced(self, arrays):
        other = super().replaced(arrays)
        other.members = tuple(m.replaced(part_of(arrays, key)) for key, m in zip(self.keys, self.members, strict=True))
        return other

    def gradient(self, values, weights):
        return self._by_member(lambda member, mine: member.gradient(*mine), self.shares(values, weights))

    def prior_gradient(self):
        return super().prior_gradient() | self._by_member(lambda member: member.prior_gradient())

    def report(self, statistics):
        facts: dict = {}
        for k, key in enumerate(self.keys):
            for fact, found in self.members[k].report(part_of(statistics, key)).items():
                facts.setdefault(fact, []).extend(self.placed(k, item) for item in found)
        return facts

    def placed(self, k: int, item: Any) -> Any:
        """An item of member k's report, (state, place), in the terms of this emission."""
        return item

    def _copy_members(self):
        """Before a change: a fit copies an emission, but not its members."""
        self.members = tuple(member.__copy__() for member in self.members)

    def _publish_members(self):
        self.members = tuple(member.published() for member in self.members)


def part_of(statistics, name):
    """The statistics of one member: those whose keys begin with "name.", without that prefix."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in statistics.items() if key.startswith(start)}
