"""What was said when, who was in when, and whether both fit: the judge of the policy race.

Times are monotonic seconds. No moment is known exactly: a change took effect somewhere between when
it was sent and when it was answered, a session opened or ended between two looks at its socket. What
may have been in order is; only what can't have been is a problem.
"""

import bisect
import dataclasses
import math

PATIENCE = 1.0  # seconds that a change may take to hold everywhere


@dataclasses.dataclass
class Visit:
    """One attempt to come in, and what became of it. An interval is (after, at the latest)."""

    person: object
    way: object
    asked: float  # before the credentials were sent
    let_in: tuple = None
    refused: tuple = None
    ended: tuple = None  # the goodbye, if it was policy's
    last_open: float = -math.inf  # it was open still

    def __str__(self):
        return f"{self.person.address} by {self.way}"


class History:
    """Worlds (policy_model) in the order in which they came."""

    def __init__(self, world):
        self.worlds = [world]
        self.lines = [""]
        self.befores, self.afters = [-math.inf], [-math.inf]
        self.known = {}

    @property
    def now(self):
        return self.worlds[-1]

    def add(self, before, after, world, line=""):
        """@line: what was said, for messages."""
        assert self.afters[-1] <= before <= after
        self.worlds.append(world)
        self.lines.append(line)
        self.befores.append(before)
        self.afters.append(after)

    def last_before(self, index):
        """Until when a world was in force for certain."""
        return self.befores[index + 1] if index + 1 < len(self.worlds) else math.inf

    def allows(self, index, visit):
        key = (index, visit.person, visit.way)
        if key not in self.known:
            self.known[key] = self.worlds[index].allows(visit.person, visit.way)
        return self.known[key]

    def possible(self, since, until):
        """Those that may have been in force at some moment of the time."""
        first = max(0, bisect.bisect_left(self.afters, since) - 1)
        return range(first, bisect.bisect_right(self.befores, until))

    def forbidden(self, visit, since, until):
        """Spans in which every world for certain forbids the visit, as far as they bear on the
        time."""
        begun = None
        for index in self.possible(since, until):
            if self.allows(index, visit):
                if begun is not None:
                    yield begun, self.befores[index]
                begun = None
            elif begun is None:
                begun = self.afters[index]
        if begun is not None:
            yield begun, self.last_before(self.possible(since, until)[-1])

    def all_allow(self, visit, since, until):
        return all(self.allows(index, visit) for index in self.possible(since, until))

    def told(self, visit, since, until):
        """For a message: the changes of the time, and of three seconds before, and what each came
        to for the visit."""
        lines = []
        for index in self.possible(since - 3, until):
            world = self.worlds[index]
            verdict = *world.judge(visit.person, visit.way), world.is_open(visit.person)
            span = f"{self.befores[index]:.3f}..{self.afters[index]:.3f}"
            lines.append(f"[{span}] {verdict} {self.lines[index]}")
        return "\n    ".join(lines)


def check(history, visits, patience=PATIENCE):
    """What can't have been in order: texts."""
    problems = []

    def problem(visit, what, since, until):
        story = f"asked {visit.asked:.3f}, let in {visit.let_in}, ended {visit.ended}"
        told = history.told(visit, since, until)
        problems.append(f"{visit}: {what}\n    {story}\n    {told}")

    for visit in visits:
        if visit.refused is not None:
            since, until = visit.asked - patience, visit.refused[1]
            if history.all_allow(visit, since, until):
                problem(visit, f"refused at {until:.3f}, but all allow it", since, until)
            continue
        if visit.let_in is None:
            continue
        since = visit.let_in[0] - patience
        until = max(visit.last_open, visit.let_in[1])
        for begun, over in history.forbidden(visit, since, until):
            late = begun + patience
            if late < visit.let_in[0] and visit.let_in[1] < over:
                problem(
                    visit, f"let in at {visit.let_in}, forbidden since {begun:.3f}", since, until
                )
            elif max(late, visit.let_in[1]) < min(over, visit.last_open):
                told = min(over, visit.last_open) - begun
                problem(visit, f"open for {told:.3f} s after {begun:.3f}", since, until)
        if visit.ended is not None:
            since, until = visit.ended[0] - patience, visit.ended[1]
            if history.all_allow(visit, since, until):
                problem(visit, f"ended at {visit.ended}, but all allow it", since, until)
    return problems


def lateness(history, visits):
    """Of each visit that was forbidden and ended while it stayed so: seconds from the change's
    answer to the end, at most."""
    found = []
    for visit in visits:
        if visit.ended is None or visit.let_in is None:
            continue
        for begun, over in history.forbidden(visit, visit.let_in[1], visit.ended[1]):
            if visit.let_in[1] < begun and begun <= visit.ended[1] <= over:
                found.append(visit.ended[1] - begun)
    return sorted(found)
