"""An emission as a plain value: copied and changed, saved and loaded, and published with a fitted model."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ..symbols import plural, shown
from .parameters import Parameters


class Saved(Parameters):
    """What an emission is made from: the arguments of its constructor, which make others like it."""

    prepared: tuple[str, ...]
    prior: Any

    def settings(self) -> dict:
        settings: dict = {}
        if self.frozen:
            masks = self.frozen if isinstance(self.frozen, dict) else dict.fromkeys(self.frozen, True)
            settings["frozen"] = {name: np.asarray(mask).tolist() for name, mask in masks.items()}
        if self.prior is not None:
            settings["prior"] = [a.tolist() for a in self.prior] if isinstance(self.prior, tuple) else self.prior
        return settings

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, as far as they are kept as attributes."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters if hasattr(self, name)}

    def nested_arguments(self) -> dict[str, Any]:
        """The arguments, and as outer__inner those of the emissions among them."""
        found = self.arguments()
        for outer, value in list(found.items()):
            if isinstance(value, Saved):
                found |= {f"{outer}__{name}": inner for name, inner in value.nested_arguments().items()}
        return found

    def changed(self, **changes: Any) -> Self:
        """A new emission with other arguments; outer__inner changes those of an emission among them.

        >>> from chmm import Gaussian, Mixture
        >>> Mixture(Gaussian(), 3).changed(n=2, family__covariance="full").components
        Gaussian(covariance='full')
        """
        family, arguments = type(self).__name__, self.arguments()
        inner: dict[str, dict] = {}
        for parameter in inspect.signature(type(self)).parameters.values():
            one = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if one and parameter.name not in arguments:
                raise ValueError(
                    f"{family} does not keep its argument {parameter.name!r} as an attribute, so that a changed copy "
                    "cannot be made: give a whole emission"
                )
        for name, value in changes.items():
            outer, _, rest = name.partition("__")
            if outer not in arguments:
                told = f"it has {', '.join(arguments)}" if arguments else "none of it has a name to be changed by"
                raise ValueError(f"{family} has no argument {outer!r}; {told}")
            if rest:
                inner.setdefault(outer, {})[rest] = value
            else:
                arguments[name] = value
        for outer, settings in inner.items():
            if not isinstance(arguments[outer], Saved):
                told = f"{family}'s {outer} = {shown(arguments[outer])} is no Emission"
                raise ValueError(f"{told}, and has no argument {next(iter(settings))!r}")
            arguments[outer] = arguments[outer].changed(**settings)
        return type(self)(**arguments)

    def __sklearn_clone__(self):
        return copy.deepcopy(self)

    def saved(self) -> dict:
        """What a file keeps of this emission: the name of its class, its settings, its arrays and its members."""
        arrays = {name: getattr(self, name) for name in (*self.parameters, *self.prepared)}
        return {
            "class": type(self).__name__,
            "settings": self.settings(),
            "members": [member.saved() for member in self.members],
            **{name: np.asarray(array) for name, array in arrays.items() if array is not None},
        }

    @staticmethod
    def loaded(saved: dict, families: Mapping[str, Any]) -> Any:
        """The emission that `saved()` described; `families` are the classes by name."""
        name = saved["class"]
        if name not in families:
            raise ValueError(f"it uses the emission {name}; pass its class: Model.load(path, emissions=[{name}])")
        members = [Saved.loaded(member, families) for member in saved["members"]]
        arrays = {name: value for name, value in saved.items() if isinstance(value, np.ndarray)}
        return families[name].restored(saved["settings"], arrays, members)

    @classmethod
    def restored(cls, settings: dict, arrays: dict[str, np.ndarray], members: list) -> Self:
        """The emission that was saved with these settings, arrays and members."""
        emission = cls(*members, **{name: arrays.get(name) for name in cls.parameters}, **settings)
        for name in cls.prepared:
            setattr(emission, name, arrays.get(name))
        return emission

    def __repr__(self):
        name, known = type(self).__name__, self._known()
        if not known:
            return f"{name}()"
        shapes = ", ".join(f"{key} {'x'.join(map(str, np.shape(a)))}" for key, a in known.items())
        return f"{name}({plural(self.n_states, 'state')}: {shapes})"

    # Learnt emissions refuse assignment ------------------------------------------------------------------------------

    _published = False

    def published(self) -> Self:
        """A copy that refuses assignment, as do its members; copies of that copy can be changed."""
        other = copy.copy(self)
        other._publish_members()
        vars(other)["_published"] = True
        return other

    def _publish_members(self):
        pass  # see Composite

    def __setattr__(self, name, value):
        if self._published:
            raise AttributeError(
                f"{name} of a learnt emission cannot be assigned. Change a copy, and give it to a model: "
                f"emission = copy.deepcopy(m.emission_); emission.{name} = ...; "
                "Model(emission=emission, startprob=m.startprob_, transmat=m.transmat_)"
            )
        object.__setattr__(self, name, value)

    def __copy__(self):
        other = object.__new__(type(self))
        vars(other).update(vars(self), _published=False)
        return other

    def __deepcopy__(self, memo):
        other = copy.copy(self)
        vars(other).update({name: copy.deepcopy(value, memo) for name, value in vars(other).items()})
        return other
