"""Policy a second time, as naively as it can be said: what words come to for somebody who wants a
service in some way. Made from DESIGN.md (Policy), not from the core's code, which it judges.

Words are those of `mansioctl policy`; scopes from general to special. Nothing here knows of caches,
sessions or databases.
"""

import dataclasses
import ipaddress
import time

SCOPES = ("platform", "plan", "tenant", "domain", "account")


def far_hour():
    """An hour of the day in UTC that is neither now nor soon."""
    hour = (time.gmtime().tm_hour + 11) % 23
    return f"Mon-Sun {hour:02}:00-{hour + 1:02}:00"


HOURS = {"always": "Mon-Sun 00:00-24:00", "never": far_hour()}


@dataclasses.dataclass(frozen=True)
class Word:
    verb: str  # allow or deny
    networks: tuple = ()  # CIDR, "unix", or names of networks; nothing: no condition
    tls: str = ""  # required, absent, or no condition
    mechanisms: tuple = ()
    credentials: tuple = ()  # main, app, certificate
    hours: str = ""  # "always", "never", or no condition: what they are at a time isn't ours
    locked: bool = False

    def options(self):
        """As `mansioctl policy allow` wants them."""
        words = []
        for name, values in (
            ("network", self.networks),
            ("mechanism", self.mechanisms),
            ("credential", self.credentials),
        ):
            if values:
                words += [f"--{name}", ",".join(values)]
        if self.tls:
            words += ["--tls", self.tls]
        if self.hours:
            words += ["--hours", f"'{HOURS[self.hours]}'", "--zone", "UTC"]
        if self.locked:
            words += ["--lock"]
        return words


@dataclasses.dataclass(frozen=True)
class Person:
    address: str
    tenant: str
    plan: str = ""  # the account's own, else its tenant's

    @property
    def domain(self):
        return self.address.split("@")[1]

    def owner(self, scope):
        """Whose word of a scope bears on them."""
        return {
            "platform": "",
            "plan": self.plan,
            "tenant": self.tenant,
            "domain": self.domain,
            "account": self.address,
        }[scope]


@dataclasses.dataclass(frozen=True)
class Way:
    """How somebody comes."""

    service: str
    network: str  # an address, or "unix"
    protected: bool
    mechanism: str
    credential: str = "main"


class World:
    """What is said now. Copied when it changes, so that a history of worlds can be kept."""

    def __init__(self, default="deny", words=None, networks=None, closed=frozenset()):
        self.default = default
        self.words = dict(words or {})  # (scope, owner, service) to Word
        self.networks = dict(networks or {})  # name to CIDR texts
        self.closed = frozenset(closed)  # (scope, owner) that are suspended

    def copy(self, **changes):
        kept = {
            "default": self.default,
            "words": self.words,
            "networks": self.networks,
            "closed": self.closed,
        }
        return World(**{**kept, **changes})

    def with_word(self, key, word):
        """@word None: there is none."""
        words = {other: said for other, said in self.words.items() if other != key}
        if word is not None:
            words[key] = word
        return self.copy(words=words)

    # ---- judging

    def is_in(self, network, names):
        for name in names:
            if name == "unix" or network == "unix":
                if name == network:
                    return True
                continue
            for text in self.networks.get(name, (name,)):
                if ipaddress.ip_address(network) in ipaddress.ip_network(text):
                    return True
        return False

    def failed(self, word, way):
        """Names of the conditions that don't hold."""
        found = []
        if word.networks and not self.is_in(way.network, word.networks):
            found.append("network")
        if word.tls == "required" and not way.protected:
            found.append("tls")
        if word.tls == "absent" and way.protected:
            found.append("tls")
        if word.mechanisms and way.mechanism not in word.mechanisms:
            found.append("mechanism")
        if word.credentials and way.credential not in word.credentials:
            found.append("credential")
        if word.hours == "never":
            found.append("hours")
        return found

    def says(self, word, way):
        """allow, deny, or nothing at all."""
        if word is None:
            return None
        unmet = self.failed(word, way)
        if word.verb == "allow":
            return "deny" if unmet else "allow"
        return None if unmet else "deny"

    def judge(self, person, way):
        """Whether words allow it, and the scope that decided, or "default"."""
        spoken = []
        for scope in SCOPES:
            word = self.words.get((scope, person.owner(scope), way.service))
            if scope == "plan" and not person.plan:
                word = None
            said = self.says(word, way)
            if said is not None:
                spoken.append((scope, said, word.locked))
        for scope, said, locked in spoken:
            if locked:
                return said == "allow", scope
        if spoken:
            return spoken[-1][1] == "allow", spoken[-1][0]
        return self.default == "allow", "default"

    def is_open(self, person):
        """Whether nothing that they belong to is suspended."""
        owners = (("tenant", person.tenant), ("domain", person.domain), ("account", person.address))
        return not any(owner in self.closed for owner in owners)

    def allows(self, person, way):
        return self.is_open(person) and self.judge(person, way)[0]
