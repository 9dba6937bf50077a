"""Random changes of policy: as lines of `mansioctl batch`, and as what they do to a world of
policy_model."""

import random

from .policy_model import Person, Way, Word

NETWORKS = {  # within 127.0.0.0/8, from where the crowd comes
    "two": "127.0.0.2/32",
    "pair": "127.0.0.2/31",
    "far": "127.0.0.4/30",
    "all": "127.0.0.0/8",
    "elsewhere": "192.0.2.0/24",
}
SOURCES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
OFFICE = "office"  # a named network, which changes
TENANTS = {"alpha": ("alpha.test", "gold"), "beta": ("beta.test", "silver")}
OWN_PLAN = "bronze"  # of some accounts
SERVICES = ("imap", "pop3", "submission", "hello")
MECHANISMS = {
    "imap": ("PASSWORD", "PLAIN"),
    "pop3": ("PASSWORD", "PLAIN"),
    "submission": ("PLAIN",),
    "hello": ("PASSWORD",),
}
APP_EVERY, OWN_PLAN_EVERY = 4, 5  # which accounts have an app password, and a plan of their own


def people(accounts):
    """Those of a lab with so many accounts a tenant."""
    return [
        Person(f"user{number}@{domain}", tenant, OWN_PLAN if number % OWN_PLAN_EVERY == 0 else plan)
        for tenant, (domain, plan) in TENANTS.items()
        for number in range(1, accounts + 1)
    ]


def number_of(person):
    return int(person.address.split("@")[0].removeprefix("user"))


def set_up(lab, app_password):
    """Plans and app passwords, and everything allowed at first."""
    lines = [f"plan add {plan}" for plan in ("gold", "silver", OWN_PLAN)]
    lines += [f"tenant set {tenant} --plan {plan}" for tenant, (_, plan) in TENANTS.items()]
    for person in people(lab.accounts):
        if number_of(person) % OWN_PLAN_EVERY == 0:
            lines.append(f"account set {person.address} --plan {OWN_PLAN}")
        if number_of(person) % APP_EVERY == 0:
            lines.append(f"password set {person.address}#app --stored '{{PLAIN}}{app_password}'")
    lines.append(f"network add {OFFICE} --networks {NETWORKS['pair']}")
    lines.append(f"policy allow {' '.join(SERVICES)} --platform")
    lab.node.batch(lines)


def way_of(rng, person, service):
    protected = service != "hello" and rng.random() < 0.25
    has_app = number_of(person) % APP_EVERY == 0
    return Way(
        service,
        rng.choice(SOURCES),
        protected,
        rng.choice(MECHANISMS[service]),
        "app" if has_app and rng.random() < 0.5 else "main",
    )


def guests(accounts, count, seed):
    """(person, way) of each session. POP3 locks its mailbox: one session an account."""
    rng = random.Random(seed)
    everybody = people(accounts)
    boxes = rng.sample(everybody, len(everybody))
    found = []
    for number in range(count):
        service = SERVICES[number % len(SERVICES)]
        person = boxes.pop() if service == "pop3" else rng.choice(everybody)
        found.append((person, way_of(rng, person, service)))
    return found


class Changes:
    """Draws changes; each is a line, and the world after it. Favours that most may come in, and that
    what was changed just now changes again."""

    def __init__(self, world, accounts, seed):
        self.rng = random.Random(seed)
        self.world = world
        self.accounts = accounts
        self.recent = []

    def scope(self):
        rng = self.rng
        kind = rng.choice(("platform", "plan", "tenant", "domain", "account", "account"))
        tenant = rng.choice(list(TENANTS))
        owner = {
            "platform": "",
            "plan": rng.choice((TENANTS[tenant][1], OWN_PLAN)),
            "tenant": tenant,
            "domain": TENANTS[tenant][0],
            "account": f"user{rng.randint(1, self.accounts)}@{TENANTS[tenant][0]}",
        }[kind]
        return kind, owner

    def key(self):
        if self.recent and self.rng.random() < 0.35:
            return self.rng.choice(self.recent)
        return (*self.scope(), self.rng.choice(SERVICES))

    def word(self):
        rng = self.rng
        verb = "allow" if rng.random() < 0.6 else "deny"
        some = (
            lambda chance, values: rng.choice(values)
            if rng.random() < chance
            else type(values[0])()
        )
        return Word(
            verb,
            networks=some(
                0.25,
                [(OFFICE,), (NETWORKS["pair"],), (NETWORKS["far"], NETWORKS["two"]), ("unix",)],
            ),
            tls=some(0.12, ["required", "absent"]),
            mechanisms=some(0.12, [("PLAIN",), ("PASSWORD", "SCRAM-SHA-256")]),
            credentials=some(0.12, [("main",), ("app", "certificate")]),
            hours=some(0.1, ["always", "never"]),
            locked=rng.random() < 0.08,
        )

    @staticmethod
    def options(key):
        kind, owner, _ = key
        return "--platform" if kind == "platform" else f"--{kind} {owner}"

    def next(self):
        """(line, world)"""
        rng, world = self.rng, self.world
        line, self.world = rng.choices(
            (self.say, self.clear, self.lock, self.default, self.office, self.close),
            (60, 16, 8, 3, 5, 8),
        )[0](rng, world)
        return line, self.world

    def say(self, _, world):
        key, word = self.key(), self.word()
        self.recent = [key, *self.recent[:2]]
        line = f"policy {word.verb} {key[2]} {self.options(key)} {' '.join(word.options())}"
        return line, world.with_word(key, word)

    def clear(self, rng, world):
        if not world.words:
            return self.say(rng, world)
        key = rng.choice(sorted(world.words))
        return f"policy clear {key[2]} {self.options(key)}", world.with_word(key, None)

    def lock(self, rng, world):
        """Mostly to unlock: one lock for all on the platform shuts out every other change."""
        locked = sorted(key for key, word in world.words.items() if word.locked)
        if not world.words:
            return self.say(rng, world)
        key = (
            rng.choice(locked) if locked and rng.random() < 0.7 else rng.choice(sorted(world.words))
        )
        word = world.words[key]
        said = Word(**{**word.__dict__, "locked": not word.locked})
        verb = "unlock" if word.locked else "lock"
        return f"policy {verb} {key[2]} {self.options(key)}", world.with_word(key, said)

    def default(self, _, world):
        default = "allow" if world.default == "deny" else "deny"
        return f"platform set --policy-default {default}", world.copy(default=default)

    def office(self, rng, world):
        value = rng.choice(list(NETWORKS.values()))
        return f"network set {OFFICE} --networks {value}", world.copy(
            networks={**world.networks, OFFICE: (value,)}
        )

    def close(self, rng, world):
        """Suspend, or, as often as that, take it back."""
        if world.closed and rng.random() < 0.6:
            kind, name = rng.choice(sorted(world.closed))
            line = f"{kind} set {name} --state active"
            return line, world.copy(closed=world.closed - {(kind, name)})
        kind, name = self.scope()
        if kind in ("platform", "plan"):
            return self.say(rng, world)
        line = f"{kind} set {name} --state suspended"
        return line, world.copy(closed=world.closed | {(kind, name)})
