"""enc(..): canonical CBOR (RFC 8949, 4.2) of texts, byte strings, unsigned numbers, booleans and arrays, and nothing else."""
from . import Refused

DEEPEST = 4


def encode(value):
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, (bytes, bytearray)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    return _head(4, len(value)) + b"".join(encode(v) for v in value)


def enc(*elements):
    return encode(list(elements))


def decode(data):
    """The array that fills data."""
    value, end = _value(data, 0, 0)
    if end != len(data) or not isinstance(value, list):
        raise Refused("not one array that fills its place")
    return value


def _head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    raise ValueError("a number of more than 64 bits")


def _value(data, at, depth):
    if at >= len(data) or depth > DEEPEST:
        raise Refused("cut, or nested too deep")
    first = data[at]
    at += 1
    major, n = first >> 5, first & 31
    if major == 7:
        if n in (20, 21):
            return n == 21, at
        raise Refused("a simple value other than true and false")
    if n > 27:
        raise Refused("an indefinite length")
    if n > 23:
        size = 1 << (n - 24)
        n = int.from_bytes(_take(data, at, size), "big")
        at += size
        if len(_head(major, n)) != 1 + size:
            raise Refused("not the shortest form")
    if major == 0:
        return n, at
    if major == 2:
        return _take(data, at, n), at + n
    if major == 3:
        try:
            return _take(data, at, n).decode("utf-8"), at + n
        except UnicodeDecodeError:
            raise Refused("not UTF-8") from None
    if major == 4:
        if n > len(data):
            raise Refused("cut")
        elements = []
        for _ in range(n):
            element, at = _value(data, at, depth + 1)
            elements.append(element)
        return elements, at
    raise Refused("a kind of value that has no place here")


def _take(data, at, n):
    if len(data) - at < n:
        raise Refused("cut")
    return bytes(data[at:at + n])


def expect(value, *kinds):
    """The elements of an array, each of its kind: a label, a type, a length of bytes, or a function that checks."""
    if not isinstance(value, list) or len(value) != len(kinds):
        raise Refused("another number of elements")
    for element, kind in zip(value, kinds):
        if isinstance(kind, str):
            good = element == kind
        elif kind in (bool, int, bytes, str, list):
            good = type(element) is kind
        elif isinstance(kind, int):
            good = type(element) is bytes and len(element) == kind
        else:
            good = kind(element)
        if not good:
            raise Refused("an element of another kind")
    return value


def number(bits):
    return lambda n: type(n) is int and n < 1 << bits


def text(most):
    """Of so many UTF-16 units at most, without control characters."""
    return lambda t: type(t) is str and len(t.encode("utf-16-le")) <= 2 * most and not any(c < " " or "\x7f" <= c <= "\x9f" for c in t)
