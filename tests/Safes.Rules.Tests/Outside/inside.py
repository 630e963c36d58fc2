"""Opens a tunnel through a proxy, begins TLS in it with whatever certificate, and sends requests inside; says the first line of each answer, or closed.

inside.py PROXY FROM NAME REQUEST..: each the lines of one, without an end; the tunnel is asked for as by a browser, or with $PLAIN as by nobody in particular. inside.py PROXY FROM hello NAME TEXT: no requests, but a greeting that asks for TEXT (with \\n, \\t as Python reads them).
"""
import os
import socket
import ssl
import struct
import sys

proxy, source, name, requests = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]


def answer(stream):
    """The first line of an answer, once its head and body are read."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        got = stream.recv(1)
        if not got:
            return head.split(b"\r\n")[0].decode() or "closed"
        head += got
    lines = head.decode().split("\r\n")
    size = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    while size > 0:
        got = stream.recv(size)
        if not got:
            break
        size -= len(got)
    return lines[0]


def hello(text):
    """A ClientHello with such a server_name."""
    name = struct.pack(">HBH", len(text) + 3, 0, len(text)) + text
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\x00\x04\x13\x01\xc0\x2b" + b"\x01\0"
    more = struct.pack(">HH", 0, len(name)) + name + b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0d\x00\x04\x00\x02\x04\x03"
    body += struct.pack(">H", len(more)) + more
    return b"\x16\x03\x01" + struct.pack(">H", len(body) + 4) + b"\x01" + len(body).to_bytes(3, "big") + body


greets = name == "hello"
if greets:
    name = requests[0]
with socket.create_connection((proxy, 3128), 20, (source, 0)) as connection:
    browser = "" if os.environ.get("PLAIN") else "User-Agent: Mozilla/5.0\r\n"
    connection.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n{browser}\r\n".encode())
    print(answer(connection))
    if greets:
        connection.sendall(hello(requests[1].encode().decode("unicode_escape").encode()))
        try:
            print("TLS" if connection.recv(1) == b"\x16" else "closed")
        except ConnectionResetError:
            print("closed")
        sys.exit()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with context.wrap_socket(connection, server_hostname=name) as inside:
            for request in requests:
                inside.sendall(request.encode().decode("unicode_escape").encode() + b"\r\n\r\n")
                if request.startswith("CONNECT "):
                    # A tunnel may be there without a word: what comes next tells.
                    inside.settimeout(3)
                    try:
                        print(answer(inside))
                    except TimeoutError:
                        print("silent")
                    inside.settimeout(20)
                else:
                    print(answer(inside))
    except TimeoutError:
        print("silent")
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        print("closed")
