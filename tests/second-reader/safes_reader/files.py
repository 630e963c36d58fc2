"""Ids, addresses, a device's keys, and the files of the state directory."""
import base64
import binascii
import ipaddress
import re
import unicodedata
from hashlib import sha512

from . import Refused
from .cbor import decode, enc, expect, number, text as a_text
from .primitives import H, aead_open, signature_holds

IDENTITY = (16, str, 16, str, 32, 32, 32, 1216)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def is_name(name):
    """Of members, devices and safes."""
    kinds = [unicodedata.category(c) for c in name]
    return (0 < len(name.encode("utf-16-le")) // 2 <= 48 and name[0] not in " -" and name[-1] not in " -" and "  " not in name
            and all(k[0] == "L" or k in ("Nd", "Mn", "Mc") or c in " .-_'" for c, k in zip(name, kinds)) and any(k[0] == "L" or k == "Nd" for k in kinds))


def is_endpoint(text):
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("[0-9]+", port) or not 0 < int(port) < 65536:
        return False
    if host.startswith("[") and host.endswith("]"):
        try:
            return bool(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return False
    return re.fullmatch("[A-Za-z0-9.][A-Za-z0-9.-]{0,252}", host) is not None


def identity(elements):
    """The eight elements, checked."""
    expect(elements, *IDENTITY)
    if not is_name(elements[1]) or not is_name(elements[3]):
        raise Refused("a name that none may have")
    return elements


def signed(data):
    """The body, as bytes and as elements, and the signature."""
    body, signature = expect(decode(data), lambda b: type(b) is bytes and len(b) <= 8192, 64)
    return body, decode(body), signature


def unarmour(kind, text):
    if len(text.encode("utf-16-le", "surrogatepass")) > 2 * 65536:
        raise Refused("too long")
    lines = [line.strip() for line in text.strip().split("\n")]
    if len(lines) < 3 or lines[0] != f"-----BEGIN {kind}-----" or lines[-1] != f"-----END {kind}-----":
        raise Refused("another kind of file")
    try:
        joined = "".join(lines[1:-1])
        data = base64.b64decode(joined, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("not base64") from None
    content, check = data[:-8], data[-8:]
    if base64.b64encode(data).decode() != joined or not content or sha512(content).digest()[:8] != check:
        raise Refused("damaged")
    return content


def fingerprint(content):
    bits = int.from_bytes(sha512(content).digest()[:10], "big")
    text = "".join(CROCKFORD[bits >> 75 - 5 * i & 31] for i in range(16))
    return "-".join(re.findall("....", text))


def read_id(text):
    content = unarmour("SAFE ID", text)
    body, elements, signature = signed(content)
    if not elements or elements[0] != "safes/1/id":
        raise Refused("another kind of content")
    who = identity(elements[1:])
    if not signature_holds(who[4], body, signature):
        raise Refused("not signed by the device itself")
    return {"fingerprint": fingerprint(who[4]), "identity": who}


def read_address(text):
    content = unarmour("SAFE ADDRESS", text)
    e = expect(decode(content), "safes/1/address", str, a_text(262), 32, 32, 16, 5, 16, 4, bytes, bytes, number(31))
    network, own, safe, head, entries = e[6], e[8], e[9], e[10], e[11]
    if (not is_name(e[1]) or not is_endpoint(e[2]) or (len(safe), len(head)) not in ((0, 0), (16, 64)) or (entries == 0) != (head == b"")
            or network[4] != 20 or network[2] & 15 or network[3] or own[:2] != network[:2] or own[2] >> 4 != network[2] >> 4):
        raise Refused("an address that makes no sense")
    return {"fingerprint": fingerprint(content), "name": e[1], "endpoint": e[2], "network": network, "device": e[7],
            "own": own, "safe": safe, "head": head, "entries": entries}


def read_device(data):
    if len(data) < 261 or data[:10] != b"SAFESDEV\0\1" or sha512(data[:-16]).digest()[:16] != data[-16:]:
        raise Refused("not a device's keys")
    at, found = 10, {}
    for name, size in (("member", 16), ("device", 16), ("kib", 4), ("passes", 4), ("ds", 32), ("salt", 32), ("signing", 32), ("tls", 32),
                       ("wireguard", 32), ("has_seed", 1), ("seed", 32), ("m", 1), ("d", 1)):
        found[name], at = data[at:at + size], at + size
    m, d = found.pop("m")[0], found.pop("d")[0]
    if len(data) != at + m + d + 16 or found["has_seed"] not in (b"\0", b"\1") or (found["has_seed"] == b"\0" and any(found["seed"])):
        raise Refused("lengths that do not add up")
    found["kib"], found["passes"] = int.from_bytes(found["kib"], "big"), int.from_bytes(found["passes"], "big")
    try:
        found["member_name"], found["device_name"] = data[at:at + m].decode("utf-8"), data[at + m:at + m + d].decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("names that are no text") from None
    if not 64 * 1024 <= found["kib"] <= 4 * 1024 * 1024 or not 3 <= found["passes"] <= 64 or not is_name(found["member_name"]) or not is_name(found["device_name"]):
        raise Refused("a cost or a name that none may have")
    return found


def read_intent(data):
    _, generation, epoch, slot, digest = expect(decode(data), "safes/1/intent", int, number(32), lambda s: s in ("a", "b"), 64)
    return {"generation": generation, "epoch": epoch, "slot": slot, "digest": digest}


def read_roster_file(data, hs, safe):
    """The entries, each still to be checked."""
    _, epoch, box = expect(decode(data), "safes/1/roster-file", number(32), bytes)
    entries = decode(aead_open(H(hs, b"", b"safes/1/roster"), box, enc("safes/1/roster", safe, epoch)))
    if not all(type(e) is bytes for e in entries):
        raise Refused("an entry that is no byte string")
    return epoch, entries


def read_attempts(data):
    _, failures, wall, boot, since = expect(decode(data), "safes/1/attempts", number(31), number(63), a_text(64), number(63))
    return {"failures": failures, "wall": wall, "boot": boot, "since": since}
