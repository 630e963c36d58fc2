"""Replaying the chain of the owners' rules."""
import copy
import re
from hashlib import sha512

from . import Refused
from .cbor import decode, expect, number
from .files import signed
from .primitives import signature_holds
from .roster import Roster

HOST = "[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?"
LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
MOST_ENTRIES = 10_000
SPARE = 1000
MOST_SERVICES = 256


def matches(pattern):
    return lambda t: type(t) is str and re.fullmatch(pattern, t) is not None


def host(name):
    return matches(HOST)(name)


def destination(name):
    return matches(rf"@[a-z][a-z0-9-]{{0,30}}|(?:\*\.)?{LABEL}(?:\.{LABEL})*")(name) and len(name) <= 253


def list_of(check, most):
    return lambda names: type(names) is list and len(names) <= most and all(check(n) for n in names)


def port(n):
    return number(16)(n) and n > 0


FIELDS = {
    "allow": [lambda n: n == "*" or host(n), destination, number(16), list_of(matches("[A-Z]{3,16}"), 16), number(63), number(63), number(63)],
    "group": [host, lambda names: list_of(host, 256)(names) and len(set(names)) == len(names)],
    "expose": [host, port],
}


class Rules:
    def __init__(self, roster_chain):
        roster = Roster(roster_chain[0])
        self._rosters = {roster.head: copy.deepcopy(roster)}
        for entry in roster_chain[1:]:
            roster.extend(entry)
            self._rosters[roster.head] = copy.deepcopy(roster)
        self.safe, self.head, self.count, self.standing, self._oldest = roster.safe, b"", 0, {}, 0

    def extend(self, entry):
        body, e, signature = signed(entry)
        _, safe, previous, place, under, author, at, kind, fields = expect(
            e, "safes/1/rule", 16, 64 if self.count else 0, number(31), 64, 16, number(63), str, lambda _: True)
        if safe != self.safe or previous != self.head or place != self.count + 1 or place > MOST_ENTRIES or at >= 253402300800:
            raise Refused("does not follow the one before it")
        roster = self._rosters.get(under)
        if roster is None or roster.count < self._oldest:
            raise Refused("signed under another roster, or an older one")
        device = roster.devices.get(author)
        if device is None or not signature_holds(device["signing"], body, signature):
            raise Refused("not signed by a device of that roster")
        if not roster.members[device["member"]]["owner"]:
            raise Refused("not signed by an owner")
        self._apply(place, kind, fields, roster.members[device["member"]]["name"])
        self.head, self.count, self._oldest = sha512(entry).digest(), place, roster.count

    def _apply(self, place, kind, fields, member):
        standing = dict(self.standing)
        if kind not in ("remove", "data-out") and place > MOST_ENTRIES - SPARE:
            raise Refused("what is left is for removals and decisions about data out")
        if kind == "expose" and sum(r[0] == kind for r in standing.values()) >= MOST_SERVICES:
            raise Refused("too many services")
        if kind == "remove":
            if not number(31)(fields) or standing.pop(fields, None) is None:
                raise Refused("removes what does not stand")
        elif kind == "data-out":
            if fields not in ("free", "four-eyes", "closed"):
                raise Refused("an unknown way out")
            standing = {n: r for n, r in standing.items() if r[0] != kind}
        elif kind in FIELDS:
            expect(fields, *FIELDS[kind])
            if kind == "group":
                before = len(standing)
                standing = {n: r for n, r in standing.items() if r[0] != kind or r[1][0] != fields[0]}
                if not fields[1] and len(standing) == before:
                    raise Refused("dissolves what does not stand")
                if any(r[0] == kind and set(r[1][1]) & set(fields[1]) for r in standing.values()):
                    raise Refused("a host in two groups")
            elif any(r[:2] == (kind, fields) for r in standing.values()):
                raise Refused("says what stands")
        else:
            raise Refused("an unknown kind")
        if kind != "remove" and not (kind == "group" and not fields[1]):
            standing[place] = (kind, fields, member)
        self.standing = standing


def replay(roster_chain, file):
    rules = Rules(roster_chain)
    for entry in decode(file):
        if type(entry) is not bytes:
            raise Refused("not an array of entries")
        rules.extend(entry)
    return rules
