"""Opens a tunnel through a proxy and begins TLS in it; says what came back: TLS, or closed.

greeting.py PROXY FROM NAME [name OTHER | none | encrypted | twice | plain]: with that name in the greeting, none, an encrypted one beside
it, the name twice, or no TLS at all.
"""
import socket
import ssl
import struct
import sys

proxy, source, name, how = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:] or [""]


def hello(server_name):
    """A ClientHello as this machine's TLS writes it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=server_name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def with_extension(record, kind, body):
    """The ClientHello of one record with one extension more."""
    more = struct.pack(">HH", kind, len(body)) + body
    message = record[5:]
    at = 4 + 34
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at:at + 2], "big")
    at += 1 + message[at]
    size = int.from_bytes(message[at:at + 2], "big") + len(more)
    message = message[:at] + struct.pack(">H", size) + message[at + 2:] + more
    message = message[:1] + (len(message) - 4).to_bytes(3, "big") + message[4:]
    return record[:3] + struct.pack(">H", len(message)) + message


begin = hello(how[1] if how[0] == "name" else None if how[0] == "none" else name)
if how[0] == "encrypted":
    begin = with_extension(begin, 0xFE0D, bytes(64))
if how[0] == "twice":
    one = name.encode()
    begin = with_extension(begin, 0, struct.pack(">HBH", 3 + len(one), 0, len(one)) + one)
if how[0] == "plain":
    begin = b"SSH-2.0-hello\r\n"

with socket.create_connection((proxy, 3128), 10, (source, 0)) as connection:
    connection.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)
    if not answer.startswith(b"HTTP/1.1 200 "):
        sys.exit(answer.decode())
    connection.sendall(begin)
    try:
        got = connection.recv(1)
    except ConnectionResetError:
        got = b""
    # 22: its handshake goes on; 21 is an alert.
    print("TLS" if got == b"\x16" else "closed")
