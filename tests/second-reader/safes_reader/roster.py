"""Replaying a chain of signed entries."""
import re
from hashlib import sha512

from . import Refused
from .cbor import expect, number
from .files import IDENTITY, identity, signed
from .primitives import signature_holds


RESERVED = set("""root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody nogroup messagebus sshd sudo team adm tty
    disk kmem dialout fax voice cdrom floppy tape audio dip operator src shadow utmp video sasl plugdev staff users kvm input render crontab netdev
    polkitd tcpdump ntp debian admin safes""".split())


def cut(text, most):
    return text if len(text) <= most else text[:most].rstrip("-")


def account(name, taken):
    kept = re.sub("[ ._-]+", "-", re.sub("[^A-Za-z0-9 ._-]", "", name)).strip("-").lower()
    if not kept:
        kept = "member"
    elif not kept[0].isalpha() or kept in RESERVED or kept.startswith("systemd-"):
        kept = "m-" + kept
    kept = cut(kept, 31)
    found, n = kept, 2
    while found in taken:
        found, n = f"{cut(kept, 27)}-{n}", n + 1
    return found


def accounts(names):
    taken = []
    for name in names:
        taken.append(account(name, taken))
    return taken


def fold(name):
    """Each code point by its simple upper-case mapping: what becomes several stays, and the two that would become ASCII stay."""
    return "".join(c if c in "\u0131\u017f" or len(c.upper()) != 1 else c.upper() for c in name)


class Roster:
    def __init__(self, genesis):
        body, e, signature = signed(genesis)
        if len(e) != 13:
            raise Refused("not a genesis")
        expect(e, "safes/1/genesis", *IDENTITY, 32, 32, 16, 64)
        owner = identity(e[1:9])
        if not signature_holds(owner[4], body, signature):
            raise Refused("not signed by its owner")
        self.members, self.devices, self._accounts, self.admitted, self.count = {}, {}, set(), 0, 1
        self._admit(owner, True, True)
        self.head = sha512(genesis).digest()
        self.safe = self.head[:16]

    def extend(self, entry):
        body, e, signature = signed(entry)
        if len(e) < 5 or e[0] == "safes/1/genesis":
            raise Refused("not an entry that follows")
        kind, previous, place, author = expect(e[:4], str, 64, number(31), 16)
        if previous != self.head or place != self.count:
            raise Refused("does not follow the one before it")
        if author not in self.devices or not signature_holds(self.devices[author]["signing"], body, signature):
            raise Refused("not signed by a device of the roster")
        is_owner = self.members[self.devices[author]["member"]]["owner"]
        if kind == "safes/1/add-member" and is_owner:
            expect(e[4:], *IDENTITY, bool)
            self._admit(identity(e[4:12]), e[12], False)
        elif kind == "safes/1/remove-member" and is_owner:
            self._remove(*expect(e[4:], 16))
        elif kind == "safes/1/rekey":
            self._rekey(self.devices[author], *expect(e[4:], 1216))
        else:
            raise Refused("not an entry that this device may sign")
        self.head, self.count = sha512(entry).digest(), self.count + 1

    def _admit(self, who, owner, joined):
        member, name, device, device_name, signing, pin, wireguard, kem = who
        if member in self.members or any(fold(m["name"]) == fold(name) for m in self.members.values()) or device in self.devices:
            raise Refused("there already")
        if any(d["signing"] == signing or d["pin"] == pin or d["wireguard"] == wireguard or d["kem"] == kem for d in self.devices.values()):
            raise Refused("a key that is there already")
        if self.admitted >= 253:
            raise Refused("no address left")
        found = account(name, self._accounts)
        self._accounts.add(found)
        self.members[member] = {"name": name, "index": self.admitted, "account": found, "owner": owner}
        self.devices[device] = {"member": member, "name": device_name, "index": self.admitted, "signing": signing, "pin": pin,
                                "wireguard": wireguard, "kem": kem, "joined": joined}
        self.admitted += 1

    def _remove(self, member):
        if member not in self.members:
            raise Refused("no such member")
        if self.members[member]["owner"] and sum(m["owner"] for m in self.members.values()) == 1:
            raise Refused("the last owner stays")
        del self.members[member]
        self.devices = {k: d for k, d in self.devices.items() if d["member"] != member}

    def _rekey(self, device, kem):
        if device["joined"] or any(d["kem"] == kem for d in self.devices.values()):
            raise Refused("a device changes its key once, to a new one")
        device["kem"], device["joined"] = kem, True


def replay(chain):
    if not chain:
        raise Refused("no genesis")
    roster = Roster(chain[0])
    for entry in chain[1:]:
        roster.extend(entry)
    return roster
