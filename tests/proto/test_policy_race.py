"""Random changes of policy while sessions of four services log in and work, judged by a second, naive
model: at no moment more than a second after a change is a session open that every word in force
during that second forbids, and none is ended, or refused, that every such word allows.

The short form has 60 changes and 80 sessions, --long 500 of both, over two workers.
"""

import copy
import os
import random
import threading
import time

import pytest
from mansio_test import policy_changes
from mansio_test.lab import PASSWORD
from mansio_test.policy_crowd import Crowd
from mansio_test.policy_guest import SERVICES, Batch, port_of, prepare
from mansio_test.policy_history import PATIENCE, History, Visit, check, lateness
from mansio_test.policy_model import Person, Way, Word, World
from mansio_test.wait import until

APP_PASSWORD = "app-secret"

# ---- the judge itself

ANN = Person("ann@alpha.test", "alpha", "gold")
POP3 = Way("pop3", "127.0.0.2", False, "PASSWORD")
TENANT = ("tenant", "alpha", "pop3")
OPEN = World("deny", {("platform", "", "pop3"): Word("allow")})
SHUT = OPEN.with_word(TENANT, Word("deny"))
ELSEWHERE = OPEN.with_word(TENANT, Word("deny", networks=("192.0.2.0/24",)))


def story(*changes, first=OPEN):
    """Changes at a time each, answered 10 ms after they were sent."""
    history = History(first)
    for at, world in changes:
        history.add(at, at + 0.01, world)
    return history


def visit(let_in=None, ended=None, last_open=None, refused=None, asked=None):
    span = lambda at: None if at is None else (at - 0.005, at)
    asked = asked if asked is not None else (let_in or refused) - 0.02
    made = Visit(ANN, POP3, asked, span(let_in), span(refused), span(ended))
    made.last_open = last_open if last_open is not None else (ended or 0) - 0.005
    return made


STORIES = {
    # name: (history, visit, whether it is a problem)
    "ended in time": (story((10, SHUT)), visit(5, ended=10.9), False),
    "ended late": (story((10, SHUT)), visit(5, ended=11.1), True),
    "never ended": (story((10, SHUT)), visit(5, last_open=20), True),
    "still within the second": (story((10, SHUT)), visit(5, last_open=11), False),
    "outlived, but allowed again within the second": (
        story((10, SHUT), (10.8, OPEN)),
        visit(5, last_open=20),
        False,
    ),
    "outlived several words that all forbid": (
        story((10, SHUT), (10.4, SHUT.with_word(TENANT, Word("deny", locked=True))), (10.8, SHUT)),
        visit(5, last_open=11.2),
        True,
    ),
    "ended without a reason": (story((10, ELSEWHERE)), visit(5, ended=10.5), True),
    "ended for a word that was taken back at once": (
        story((10, SHUT), (10.2, OPEN)),
        visit(5, ended=10.9),
        False,
    ),
    "ended for a word that was taken back long ago": (
        story((10, SHUT), (10.2, OPEN)),
        visit(5, ended=11.5),
        True,
    ),
    "let in long after": (story((10, SHUT)), visit(11.5, ended=11.6), True),
    "let in just after": (story((10, SHUT)), visit(10.5, ended=10.9), False),
    "let in just after, and stayed": (story((10, SHUT)), visit(10.5, last_open=11.1), True),
    "refused without a reason": (story((10, ELSEWHERE)), visit(refused=10.5), True),
    "refused long after": (story((10, SHUT), (12, OPEN)), visit(refused=13.5), True),
    "refused just after": (story((10, SHUT), (12, OPEN)), visit(refused=12.5), False),
    "let in while suspended": (
        story((10, OPEN.copy(closed={("account", ANN.address)}))),
        visit(12, last_open=13),
        True,
    ),
    "of nobody's business": (
        story((10, OPEN.with_word(("tenant", "beta", "pop3"), Word("deny")))),
        visit(5, last_open=30),
        False,
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_judge_sees(name):
    history, one, is_problem = STORIES[name]
    found = check(history, [one])
    assert bool(found) == is_problem, found


def test_the_model_has_the_truth_table():
    """As DESIGN.md (Policy) says it; network 127.0.0.2, no TLS, PASSWORD, main."""
    table = [
        ({}, "deny", False),
        ({}, "allow", True),
        ({"platform": Word("allow")}, "deny", True),
        ({"platform": Word("allow"), "tenant": Word("deny")}, "deny", False),
        (
            {"platform": Word("allow"), "tenant": Word("deny"), "account": Word("allow")},
            "deny",
            True,
        ),
        ({"platform": Word("deny", locked=True), "account": Word("allow")}, "allow", False),
        ({"tenant": Word("allow", tls="required")}, "allow", False),
        ({"tenant": Word("deny", tls="required")}, "allow", True),
        # A locked deny that says nothing locks nothing.
        (
            {"platform": Word("deny", tls="required", locked=True), "account": Word("allow")},
            "deny",
            True,
        ),
        ({"platform": Word("allow", networks=("127.0.0.2/31",))}, "deny", True),
        ({"platform": Word("allow", networks=("127.0.0.4/30",))}, "allow", False),
        ({"plan": Word("deny"), "platform": Word("allow")}, "allow", False),
        ({"domain": Word("allow", mechanisms=("PLAIN",)), "tenant": Word("allow")}, "allow", False),
        ({"account": Word("deny", credentials=("app",)), "tenant": Word("allow")}, "deny", True),
        ({"account": Word("allow", hours="never")}, "allow", False),
    ]
    for words, default, wanted in table:
        said = {(scope, ANN.owner(scope), "pop3"): word for scope, word in words.items()}
        assert World(default, said).allows(ANN, POP3) == wanted, (words, default)


# ---- the race


class Stalls:
    """How much longer than it asked for a thread slept at most: what the machine, not the daemon, may
    be late by."""

    def __init__(self):
        self.longest = 0.0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.is_over.is_set():
            begun = time.monotonic()
            time.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - begun - 0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def has_happened(crowd, sessions):
    """Enough for a judge to have something to judge: of those who have gone already."""
    visits = list(crowd.visits)
    ended = {one.way.service for one in visits if one.ended}
    return sum(bool(one.let_in) for one in visits) > sessions and ended >= set(SERVICES)


def run(lab, changes, guests, seed, pause):
    """The history, the crowd after it, and how long the machine stood still."""
    ports = {}
    for service in SERVICES:
        ports[service] = port_of(lab, service)
        if service != "hello":
            ports[service + "s"] = port_of(lab, service, tls=True)
    first = World(
        "deny",
        {("platform", "", service): Word("allow") for service in SERVICES},
        {policy_changes.OFFICE: (policy_changes.NETWORKS["pair"],)},
    )
    history, rng = History(first), random.Random(seed)
    drawn = policy_changes.Changes(first, lab.accounts, seed)
    crowd = Crowd(
        guests,
        ports,
        {"main": PASSWORD, "app": APP_PASSWORD},
        lab.directory / "tls" / "ca.pem",
        seed,
    )
    with Stalls() as stalls, crowd:
        until("most are in", lambda: crowd.open > 0.7 * len(guests), seconds=120)
        with Batch(lab) as batch:
            done = 0
            # As many, and more where the draw was such that little happened.
            while done < changes or (done < 5 * changes and not has_happened(crowd, len(guests))):
                done += 1
                line, world = drawn.next()
                history.add(*batch.say(line), world, line)
                if rng.random() < 0.6:  # the others at once: several within a second
                    time.sleep(rng.uniform(0, 2 * pause))
            time.sleep(1.5 + stalls.longest)
    return history, crowd, stalls.longest


def judge(history, crowd, stalled):
    assert not crowd.problems, f"{len(crowd.problems)}: " + "\n".join(crowd.problems[:10])
    print(f"the machine stood still for {1000 * stalled:.0f} ms at most")
    found = check(history, crowd.visits, PATIENCE + stalled)
    let_in = [one for one in crowd.visits if one.let_in]
    ended = [one for one in let_in if one.ended]
    took = lateness(history, ended)
    print(
        f"{len(history.worlds) - 1} changes, {len(crowd.visits)} visits, {len(let_in)} let in, "
        f"{len(ended)} ended, {sum(1 for one in crowd.visits if one.refused)} refused"
    )
    if took:
        print(
            f"from the answer to the end: median {1000 * took[len(took) // 2]:.0f}, 99th "
            f"{1000 * took[int(len(took) * 0.99)]:.0f}, most {1000 * took[-1]:.0f} ms"
        )
    return found, let_in, ended


def plant(history, visits):
    """What the judge would have to see in this very log: one that outlives, one ended for nothing,
    one refused for nothing."""
    planted = []
    for one in visits:
        if one.ended and not planted:
            longer = copy.copy(one)
            longer.ended, longer.last_open = None, one.last_open + 3600
            last = len(history.worlds) - 1
            if not history.allows(last, longer):
                planted.append(longer)
    for one in visits:
        if one.let_in and not one.ended:
            span = (one.let_in[1] + 0.1, one.let_in[1] + 0.2)
            if history.all_allow(one, span[0] - 1, span[1]) and span[1] < one.last_open:
                cut, turned = copy.copy(one), copy.copy(one)
                cut.ended, cut.last_open = span, span[0]
                turned.refused, turned.let_in = one.let_in, None
                return planted + [cut, turned]
    return planted


@pytest.mark.parametrize("hints", (True, False))
def test_race(make_lab, hello_so, long, hints):
    if not hints and not long:
        pytest.skip("without hints too: --long")
    changes, sessions, accounts = (500, 500, 80) if long else (60, 80, 20)
    seed = int(os.environ.get("MANSIO_SEED") or random.SystemRandom().randrange(1 << 30))
    print(f"MANSIO_SEED={seed}, hints {'on' if hints else 'off'}")
    lab = make_lab(f"race-{hints}", accounts=accounts)
    lab.stored = "{PLAIN}" + PASSWORD  # hashes are not what is raced here
    if not hints:
        lab.node.database_settings = {"hints": False}
    prepare(lab, hello_so).up()
    policy_changes.set_up(lab, APP_PASSWORD)
    guests = policy_changes.guests(accounts, sessions, seed)
    history, crowd, stalled = run(lab, changes, guests, seed, 0.12 if long else 0.08)
    found, let_in, ended = judge(history, crowd, stalled)
    assert not found, f"{len(found)} problems; " + "\n".join(found[:5])
    assert has_happened(crowd, sessions), f"{len(let_in)} were let in, {len(ended)} ended"
    for one in plant(history, crowd.visits):
        assert check(history, [one]), f"a planted fault was not seen: {one}"
    lab.down()
