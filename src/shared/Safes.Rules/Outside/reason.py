"""Says in an answer's first line why a request is refused, which is all of it that package managers show. Squid has one word for that line and forgets
those of others, so before it refuses it asks this, which answers in its place on Squid's own socket and lets nothing more be sent on it. Whatever is said
here, or is not, Squid refuses then; this knows no way to anywhere.

serve SOCKET PAGES PORT PID: waits at SOCKET; PAGES are the texts of refusals, PORT is Squid's and PID the file with its process.
ask SOCKET: helper of Squid, a line a question: channel, the host's address and port, name, port, method, page; answered always: channel, OK.
"""
import ctypes
import os
import re
import signal
import socket
import struct
import sys
import threading
import time

# Seconds that Squid waits for an answer, and for which it is not asked again after one that did not come.
PATIENCE, PAUSE = 5, 60
# Of an answer's first line; apt shows some 350 characters of it.
LONGEST = 800
BEGIN = "The safe's proxy refused this: "
PIDFD_GETFD = 438
# In struct tcp_info of linux/tcp.h: bytes that wait to be sent, bytes that were.
NOT_SENT, SENT = 144, 200
ESTABLISHED, CLOSE_WAIT = "01", "08"


def answer(page, name, port, method):
    """The whole of it, from a page that safed wrote and what was asked; nothing of that stands in it that is no name, number or method."""
    if not (re.fullmatch(r"[A-Za-z0-9.-]{1,253}", name) and re.fullmatch(r"[0-9]{1,5}", port) and re.fullmatch(r"[A-Z]{1,20}", method)):
        raise ValueError("not to be repeated")
    text = page.replace("%H", name).replace("%p", port).replace("%M", method)
    words = " ".join(text.removeprefix(BEGIN).split())
    if not re.fullmatch(r"[ -~]{1,%d}" % LONGEST, words):
        raise ValueError("not for one line")
    head = f"HTTP/1.1 403 {words}\r\nContent-Type: text/plain;charset=utf-8\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    return (head if method == "HEAD" else head + text).encode("ascii")


def descriptor(squid, host, port):
    """Squid's own number for its connection from a host's (address, port) to its port."""
    remote = "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(host[0]))[0], host[1])
    with open(f"/proc/{squid}/net/tcp", encoding="ascii") as rows:
        inode = next(r[9] for r in map(str.split, rows) if r[2] == remote and r[1].endswith(":%04X" % port) and r[3] in (ESTABLISHED, CLOSE_WAIT))
    for number in os.listdir(f"/proc/{squid}/fd"):
        try:
            if os.readlink(f"/proc/{squid}/fd/{number}") == f"socket:[{inode}]":
                return int(number)
        except FileNotFoundError:
            pass    # closed meanwhile
    raise ValueError("not Squid's")


def taken(squid, host, port):
    """A descriptor of our own of the same socket. Its flags are Squid's too, so they stay as they are."""
    number = descriptor(squid, host, port)
    process = os.pidfd_open(squid)
    try:
        got = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, number, 0)
    finally:
        os.close(process)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return socket.socket(fileno=got)


def unanswered(connection):
    """Whether nothing was sent on it yet: neither an earlier answer, after which another might go on, nor the begin of a tunnel."""
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return len(told) >= SENT + 8 and struct.unpack_from("=I", told, NOT_SENT) == struct.unpack_from("=Q", told, SENT) == (0,)


def tell(question, pages, port, pid):
    address, source, name, wanted, method, page = question.split(" ")
    if not re.fullmatch(r"[a-z0-9_-]{1,100}", page):
        raise ValueError("no page")
    with open(os.path.join(pages, page), encoding="ascii") as file:
        text = answer(file.read(), name, wanted, method)
    with open(pid, encoding="ascii") as file:
        squid = int(file.read())
    host = address, int(source)
    with taken(squid, host, port) as connection:
        if connection.getpeername() == host and unanswered(connection):
            connection.send(text, socket.MSG_DONTWAIT)
            connection.shutdown(socket.SHUT_WR)


def converse(squid, pages, port, pid):
    with squid:
        while question := squid.recv(65536):
            try:
                tell(question.decode("ascii"), pages, port, pid)
            except (OSError, ValueError, StopIteration):
                pass    # Squid says it then
            try:
                squid.send(b".")
            except OSError:
                return  # nobody waits any more


def serve(path, pages, port, pid):
    if os.path.lexists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        os.umask(0o177)
        listening.bind(path)
        listening.listen()
        while True:
            threading.Thread(target=converse, args=(listening.accept()[0], pages, int(port), pid), daemon=True).start()


def asked(path, there, question):
    """Asks over a connection, or a new one where that has ended; gives the one that is good for the next."""
    for connection in (there, None):
        if connection is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.settimeout(PATIENCE)
            connection.connect(path)
        try:
            connection.send(question)
            if connection.recv(1):
                return connection
        except (BrokenPipeError, ConnectionResetError):
            pass
        connection.close()
    return None


def ask(path):
    there, next_time = None, 0.0
    for line in sys.stdin.buffer:
        channel, _, question = line.rstrip(b"\n").partition(b" ")
        try:
            if time.monotonic() >= next_time:
                there = asked(path, there, question)
        except TimeoutError:
            there, next_time = None, time.monotonic() + PAUSE
        except OSError:
            there = None
        sys.stdout.buffer.write(channel + b" OK\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    # Squid's own, which may come to all processes of its unit: it ends helpers by closing their pipes.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
