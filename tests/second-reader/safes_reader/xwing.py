"""X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 by FIPS 203, its numbered algorithms written out, and X25519."""
from hashlib import sha3_256, sha3_512, shake_128, shake_256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import Refused

SEED, PUBLIC_KEY, CIPHERTEXT = 32, 1216, 1120
Q, K, ETA, DU, DV = 3329, 3, 2, 10, 4
REVERSED = [int(f"{i:07b}"[::-1], 2) for i in range(128)]
ZETAS = [pow(17, r, Q) for r in REVERSED]
GAMMAS = [pow(17, 2 * r + 1, Q) for r in REVERSED]


def byte_encode(f, d):  # Algorithm 5
    whole = 0
    for i, a in enumerate(f):
        whole |= a << d * i
    return whole.to_bytes(32 * d, "little")


def byte_decode(b, d):  # Algorithm 6
    whole = int.from_bytes(b, "little")
    mask = (1 << d) - 1
    f = [whole >> d * i & mask for i in range(256)]
    return [a % Q for a in f] if d == 12 else f


def compress(f, d):
    return [((a << d + 1) + Q) // (2 * Q) % (1 << d) for a in f]


def decompress(f, d):
    return [(a * Q * 2 + (1 << d)) >> d + 1 for a in f]


def sample_ntt(b):  # Algorithm 7
    size = 672
    while True:
        stream, a = shake_128(b).digest(size), []
        for i in range(0, size, 3):
            d1 = stream[i] + 256 * (stream[i + 1] % 16)
            d2 = stream[i + 1] // 16 + 16 * stream[i + 2]
            a += [d for d in (d1, d2) if d < Q]
        if len(a) >= 256:
            return a[:256]
        size *= 2


def sample_cbd(b):  # Algorithm 8
    whole = int.from_bytes(b, "little")
    bits = [whole >> i & 1 for i in range(512 * ETA)]
    return [(bits[4 * i] + bits[4 * i + 1] - bits[4 * i + 2] - bits[4 * i + 3]) % Q for i in range(256)]


def ntt(f):  # Algorithm 9
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            zeta = ZETAS[i]
            i += 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % Q
                f[j + length] = (f[j] - t) % Q
                f[j] = (f[j] + t) % Q
        length //= 2
    return f


def inverse_ntt(f):  # Algorithm 10
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            zeta = ZETAS[i]
            i -= 1
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % Q
                f[j + length] = zeta * (f[j + length] - t) % Q
        length *= 2
    return [a * 3303 % Q for a in f]


def multiply(f, g):  # Algorithms 11 and 12
    h = []
    for i in range(128):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h += [(a0 * b0 + a1 * b1 % Q * GAMMAS[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return h


def add(f, g):
    return [(a + b) % Q for a, b in zip(f, g)]


def inner(fs, gs):
    total = [0] * 256
    for f, g in zip(fs, gs):
        total = add(total, multiply(f, g))
    return total


def prf(seed, n):
    return sample_cbd(shake_256(seed + bytes([n])).digest(64 * ETA))


def matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def kem_keys(d, z):  # Algorithms 13 and 16
    g = sha3_512(d + bytes([K])).digest()
    rho, sigma = g[:32], g[32:]
    a = matrix(rho)
    s = [ntt(prf(sigma, n)) for n in range(K)]
    e = [ntt(prf(sigma, K + n)) for n in range(K)]
    t = [add(inner(a[i], s), e[i]) for i in range(K)]
    ek = b"".join(byte_encode(f, 12) for f in t) + rho
    return ek, (s, z)


def kem_encrypt(ek, m, r):  # Algorithm 14
    t = [byte_decode(ek[384 * i:384 * (i + 1)], 12) for i in range(K)]
    a = matrix(ek[384 * K:])
    y = [ntt(prf(r, n)) for n in range(K)]
    e1 = [prf(r, K + n) for n in range(K)]
    u = [add(inverse_ntt(inner([a[j][i] for j in range(K)], y)), e1[i]) for i in range(K)]
    v = add(add(inverse_ntt(inner(t, y)), prf(r, 2 * K)), decompress(byte_decode(m, 1), 1))
    return b"".join(byte_encode(compress(f, DU), DU) for f in u) + byte_encode(compress(v, DV), DV)


def kem_encapsulate(ek, m):  # Algorithm 17, with the check of section 7.2
    if any(byte_encode(byte_decode(ek[384 * i:384 * (i + 1)], 12), 12) != ek[384 * i:384 * (i + 1)] for i in range(K)):
        raise Refused("not a key of ML-KEM")
    g = sha3_512(m + sha3_256(ek).digest()).digest()
    return g[:32], kem_encrypt(ek, m, g[32:])


def kem_decapsulate(ek, private, c):  # Algorithms 15 and 18
    s, z = private
    u = [decompress(byte_decode(c[320 * i:320 * (i + 1)], DU), DU) for i in range(K)]
    v = decompress(byte_decode(c[320 * K:], DV), DV)
    w = inverse_ntt(inner(s, [ntt(f) for f in u]))
    m = byte_encode(compress([(a - b) % Q for a, b in zip(v, w)], 1), 1)
    g = sha3_512(m + sha3_256(ek).digest()).digest()
    return g[:32] if kem_encrypt(ek, m, g[32:]) == c else shake_256(z + c).digest(32)


def _raw(key):
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _agree(private, public):
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Refused("a point that nobody agrees on a secret with") from None


def _combine(ss_m, ss_x, ct_x, pk_x):
    return sha3_256(ss_m + ss_x + ct_x + pk_x + rb"\.//^\ ".rstrip()).digest()


class KeyPair:
    def __init__(self, seed):
        expanded = shake_256(seed).digest(96)
        self._ek, self._private = kem_keys(expanded[:32], expanded[32:64])
        self._x = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.public = self._ek + _raw(self._x.public_key())

    def open(self, ct):
        if len(ct) != CIPHERTEXT:
            raise Refused("not a ciphertext of X-Wing")
        ss_m = kem_decapsulate(self._ek, self._private, ct[:1088])
        return _combine(ss_m, _agree(self._x, ct[1088:]), ct[1088:], self.public[1184:])


def encapsulate(pk, randomness):
    """randomness: 64 bytes, as the draft's vectors give it."""
    if len(pk) != PUBLIC_KEY:
        raise Refused("not a key of X-Wing")
    ss_m, ct_m = kem_encapsulate(pk[:1184], randomness[:32])
    ephemeral = X25519PrivateKey.from_private_bytes(randomness[32:])
    ct_x = _raw(ephemeral.public_key())
    return ct_m + ct_x, _combine(ss_m, _agree(ephemeral, pk[1184:]), ct_x, pk[1184:])
