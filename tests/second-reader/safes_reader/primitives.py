"""H, AEAD, HMAC, Argon2id and the checking of Ed25519 signatures."""
import hmac
import struct
from hashlib import sha512

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from . import Refused


def mac(key, message):
    return hmac.new(key, message, sha512).digest()


def H(ikm, salt, info, n=32):
    """HKDF-SHA512 (RFC 5869)."""
    prk, okm, t, i = mac(salt or bytes(64), ikm), b"", b"", 1
    while len(okm) < n:
        t = mac(prk, t + info + bytes([i]))
        okm, i = okm + t, i + 1
    return okm[:n]


def argon2id(password, salt, kib, passes):
    return hash_secret_raw(password, salt, time_cost=passes, memory_cost=kib, parallelism=1, hash_len=32, type=Type.ID, version=0x13)


def hchacha20(key, nonce):
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, r in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = s[x] + s[y] & 0xffffffff
            s[z] ^= s[x]
            s[z] = (s[z] << r | s[z] >> 32 - r) & 0xffffffff

    for _ in range(10):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return struct.pack("<8I", *s[:4], *s[12:])


def aead_open(key, box, aad):
    """XChaCha20-Poly1305 behind its nonce of 24 bytes."""
    if len(box) < 40:
        raise Refused("a box that is cut")
    try:
        return ChaCha20Poly1305(hchacha20(key, box[:16])).decrypt(bytes(4) + box[16:24], box[24:], aad)
    except InvalidTag:
        raise Refused("a box that this key does not open") from None


def aead_seal(key, nonce, message, aad):
    return nonce + ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], message, aad)


P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = _add(q, p)
        p, n = _add(p, p), n >> 1
    return q


def _point(data):
    """RFC 8032, 5.1.3; None for what is not the one encoding of a point."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _is_zero(p):
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


def _is_small(p):
    return _is_zero(_times(8, p))


BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signature_holds(public, message, signature):
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L or _is_small(a) or _is_small(r):
        return False
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = _times(s, BASE), _add(r, _times(h, a))
    return _is_zero(_add(left, (-right[0] % P, right[1], right[2], -right[3] % P)))


TORSION = next(t for t in (_times(L, p) for p in map(_point, (y.to_bytes(32, "little") for y in range(2, 99))) if p) if not _is_zero(_times(4, t)))


def _bytes(p):
    z = pow(p[2], P - 2, P)
    return ((p[1] * z % P) | (p[0] * z % P & 1) << 255).to_bytes(32, "little")


def small_points():
    """The one encoding of each point of small order."""
    return [_bytes(_times(n, TORSION)) for n in range(8)]


def mixed_signature(secret, r, message):
    """By a key outside the group of prime order: with the cofactor it always holds, without it once in eight times."""
    public, point = _bytes(_add(_times(secret, BASE), TORSION)), _bytes(_times(r, BASE))
    h = int.from_bytes(sha512(point + public + message).digest(), "little") % L
    return public, point + ((r + h * secret) % L).to_bytes(32, "little")
