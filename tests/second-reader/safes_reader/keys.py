"""Passwords, boxes, header and marker."""
import hmac
import unicodedata
from hashlib import sha512

from . import Refused
from .cbor import decode, enc, expect
from .primitives import H, aead_open, argon2id, mac
from .xwing import KeyPair

PURPOSES = ("claim", "join", "open", "change-roster")


def normal(password):
    """NFKC of UTF-8, as UTF-8."""
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not text") from None
    if any(unicodedata.category(c) == "Cn" for c in text):
        raise Refused("a code point without a meaning")
    return unicodedata.normalize("NFKC", text).encode("utf-8")


def ck(password, ds, salt, safe, member, device, kib, passes):
    if kib < 64 * 1024 or passes < 3:
        raise Refused("too cheap")
    a = argon2id(normal(password), H(salt, b"", b"safes/1/pwsalt", 16), kib, passes)
    return H(a + ds, salt, enc("safes/1/ck", safe, member, device))


def open_password_box(ck, box, safe, member, device, pk):
    both = H(ck, b"", b"safes/1/pwbox", 64)
    if len(box) != 104 or not hmac.compare_digest(both[:32], box[:32]):
        raise Refused("a wrong password")
    return aead_open(both[32:], box[32:], enc(safe, member, device, pk))


def open_volume_key_box(seed, box, safe, device, epoch):
    if len(box) != 1192:
        raise Refused("a volume key box that is cut")
    keys, ct = KeyPair(seed), box[:1120]
    return aead_open(H(keys.open(ct), b"", enc("safes/1/vmk", safe, device, keys.public, ct, epoch)), box[1120:], b"")


def open_sealed(seed, box, aad):
    keys, ct = KeyPair(seed), box[:1120]
    return aead_open(H(keys.open(ct), b"", enc("safes/1/seal", ct, keys.public)), box[1120:], aad)


def open_aad(purpose, safe, device, device_pin, server_pin, otpk, head, generation, request):
    if purpose not in PURPOSES:
        raise Refused("no such purpose")
    return enc("safes/1/open", purpose, safe, device, device_pin, server_pin, otpk, head, generation, sha512(request).digest())


def volume_keys(vmk):
    return H(vmk, b"", b"safes/1/volume", 64), H(vmk, b"", b"safes/1/header"), H(vmk, b"", b"safes/1/marker")


def new_master(rs, rc, safe):
    return H(rs + rc, safe, b"safes/1/vmk-new")


class Header:
    def __init__(self, data):
        if len(data) > 4 * 1024 * 1024 or len(data) < 44 + 40 + 64 or data[:8] != b"SAFESHDR" or data[8:10] != b"\0\1":
            raise Refused("not a header")
        self.safe = data[10:26]
        self.generation = int.from_bytes(data[26:34], "big")
        self.epoch = int.from_bytes(data[34:38], "big")
        r = int.from_bytes(data[38:40], "big")
        t = int.from_bytes(data[40 + r:44 + r], "big")
        if r > 4096 or len(data) != 44 + r + t + 64 or t < 40:
            raise Refused("lengths that do not add up")
        self.recovery, self._data, self._clear = data[40:40 + r], data, 44 + r

    def open_table(self, hs):
        table = decode(aead_open(H(hs, b"", b"safes/1/table"), self._data[self._clear:-64], self._data[:self._clear]))
        _, parameters, self.head, self.oldest_marker, rows = expect(table, "safes/1/table", list, 64, int, list)
        expect(parameters, "fscrypt", lambda n: n == 1, lambda n: n == 4)
        self.devices = {}
        if len(rows) > 512:
            raise Refused("too many devices")
        for row in rows:
            device, password, volume = expect(row, 16, lambda b: type(b) is bytes and len(b) in (0, 104), 1192)
            if device in self.devices:
                raise Refused("a device twice")
            self.devices[device] = (password, volume)

    def verify(self, vmk):
        if not hmac.compare_digest(mac(volume_keys(vmk)[1], self._data[:-64]), self._data[-64:]):
            raise Refused("not written by who held the volume's key")


def open_header(data, hs, ck, member, device, pk):
    """All of an open: the volume's key, after every check."""
    header = Header(data)
    header.open_table(hs)
    if device not in header.devices:
        raise Refused("no such device")
    password, volume = header.devices[device]
    seed = open_password_box(ck, password, header.safe, member, device, pk)
    vmk = open_volume_key_box(seed, volume, header.safe, device, header.epoch)
    header.verify(vmk)
    return header, vmk


def read_marker(data, key, safe):
    """The marker's generation."""
    content, seal = expect(decode(data), bytes, 64)
    if not hmac.compare_digest(mac(key, content), seal):
        raise Refused("a marker of another key")
    return expect(decode(content), "safes/1/marker", lambda s: s == safe, int)[2]
