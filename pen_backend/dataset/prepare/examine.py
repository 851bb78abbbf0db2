"""Every check in prepare_data's order, each on the rows as the remedies before it leave them, till nothing is found."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pen_backend.dataset.prepare import content, ends
from pen_backend.dataset.prepare.found import Boundary, Found, Row, Rules
from pen_backend.dataset.prepare.state import Kind, State
from pen_backend.dataset.record import Pulse

Check = Callable[[State, Rules], Iterator[Found]]

CHECKS: tuple[Check, ...] = (
    content.few, content.empty, content.blanks, content.duplicates, content.long, content.capital_prompts,
    content.capital_completions, ends.prompt_end, ends.prompt_prefix, ends.completion_prefix, ends.completion_end,
    ends.completion_start,
)
_ROUNDS = 50  # a remedy can make work for an earlier check: texts in small letters may be equal


@dataclass(frozen=True, slots=True)
class Examined:
    """The rows after every remedy that is not declined, what was found, and what the rows are now."""

    rows: Sequence[Row]
    found: tuple[Found, ...]
    kind: Kind
    boundary: Boundary

    @property
    def refused(self) -> bool:
        """Say whether a check found what nothing can mend."""
        return any(one.level == "error" for one in self.found)


def examine(rows: Sequence[Row], rules: Rules, pulse: Pulse | None = None) -> Examined:
    """Run the checks and take what they recommend, but for what the rules decline."""
    pulse = pulse or Pulse(None, None)
    state = State(rows, rules.boundary, rules.labelled)
    first: Kind | None = None
    found: list[Found] = []
    seen: set[tuple[int | None, str]] = set()
    for number in range(_ROUNDS):
        changed = False
        for check in CHECKS:
            pulse.beat("checks", 0)
            if check is content.blanks and first is None:
                first = state.kind
            for one in check(state, rules):
                applied = taken(one, rules)
                if applied or one.level == "error" or (one.id, one.code) not in seen:
                    found.append(replace(one, message=f"{one.message} once other remedies are taken")
                                 if number and one.level != "note" else one)
                    seen.add((one.id, one.code))
                if one.level == "error":
                    return Examined(state.rows, tuple(found), state.kind, state.boundary)
                if applied and one.mend is not None:
                    state = replace(state, rows=one.mend(state.rows))
                    changed = True
                    if not state.rows:
                        found.append(Found(one.id, "no-rows", "no row would be left", "error"))
                        return Examined((), tuple(found), "conditional", Boundary("", "", ""))
                    break  # what else this check found, it finds again if it is still so
        if not changed:
            break
    if first is not None and first != state.kind:
        found.append(Found(6, "kind", f"the rows looked like {first} at first; those that are kept are {state.kind}",
                           "note"))
    found.sort(key=lambda one: one.id or 0)
    return Examined(state.rows, tuple(found), state.kind, state.boundary)


def taken(one: Found, rules: Rules) -> bool:
    """Say whether a remedy is taken."""
    return one.mend is not None and (one.fix == "necessary" or one.id not in rules.declined)
