"""Helper of the safe's proxy, asked by Squid over pipes, a line a question: channel, words; answered: channel, OK or ERR. It adds a word of its own to each question.

greeting NAME PORT HELLO: whether a tunnel to NAME begins with a TLS ClientHello (base64) that asks for NAME, in clear.
same TAG NAME PORT: whether what is asked inside an opened tunnel is for the tunnel's own destination.
"""
import base64
import signal
import struct
import sys

SERVER_NAME, ENCRYPTED_HELLO = 0, 0xFE0D
# Bytes of a greeting in its records. The longest of browsers are of two thousand.
MOST = 16384


def extensions(records):
    """The extensions of a ClientHello in TLS records, by their numbers."""
    parts, at, have, need = [], 0, 0, 4
    while have < need:
        kind, _, size = struct.unpack_from(">BHH", records, at)
        part = records[at + 5:at + 5 + size]
        if kind != 22 or size == 0 or len(part) < size:
            raise ValueError("no handshake")
        parts.append(part)
        at, have = at + 5 + size, have + size
        if need == 4 and have >= 4:
            parts = [b"".join(parts)]
            need += int.from_bytes(parts[0][1:4], "big")
    message = b"".join(parts)
    if message[0] != 1:
        raise ValueError("no ClientHello")
    body = message[4:4 + int.from_bytes(message[1:4], "big")]
    at = 34
    at += 1 + body[at]                                        # session
    at += 2 + int.from_bytes(body[at:at + 2], "big")          # ciphers
    at += 1 + body[at]                                        # compression
    end = at + 2 + int.from_bytes(body[at:at + 2], "big")
    at += 2
    found = {}
    while at < end:
        kind, size = struct.unpack(">HH", body[at:at + 4])
        if kind in found:
            raise ValueError("an extension twice")
        found[kind] = body[at + 4:at + 4 + size]
        at += 4 + size
    if at != end or end != len(body):
        raise ValueError("lengths do not add up")
    return found


def name_asked(hello):
    """The one host name in a ClientHello's server_name; None when there is not exactly one, or the true one is encrypted."""
    if len(hello) > MOST * 4 // 3 + 4:
        return None
    found = extensions(base64.b64decode(hello, validate=True))
    names = found.get(SERVER_NAME)
    if names is None or ENCRYPTED_HELLO in found:
        return None
    total, kind, size = struct.unpack(">HBH", names[:5])
    if kind != 0 or total != 3 + size or len(names) != 5 + size:
        return None
    return names[5:].decode("ascii").lower()


def greeting(name, port, hello, *_):
    if name_asked(hello) != name.rstrip(".").lower():
        return None
    return "clt_conn_tag=" + name.rstrip(".").lower() + ":" + port


def same(tag, name, port, *_):
    return "" if tag == name.rstrip(".").lower() + ":" + port else None


def main():
    # Squid's own, which may come to all processes of its unit: it ends helpers by closing their pipes.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    ask = {"greeting": greeting, "same": same}[sys.argv[1]]
    for line in sys.stdin:
        channel, *words = line.split()
        try:
            answer = ask(*words)
        except (ValueError, IndexError, TypeError, struct.error):
            answer = None
        print(channel, "ERR" if answer is None else ("OK " + answer).rstrip(), flush=True)


if __name__ == "__main__":
    main()
