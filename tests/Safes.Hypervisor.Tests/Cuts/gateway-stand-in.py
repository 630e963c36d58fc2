#!/usr/bin/python3
"""Stands where QEMU with the gateway in it would: says yes to whatever safed tells it over the line that it is given as descriptor 3."""
import os
import socket
import struct
import sys

if sys.argv[1:] == ["--version"]:
    print("QEMU emulator version 10.0.0")
    sys.exit(0)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value, at


def number(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def send(line, message):
    line.sendall(struct.pack(">I", len(message)) + message)


def receive(line, length):
    data = b""
    while len(data) < length:
        more = line.recv(length - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


listener = socket.socket(fileno=3)
READY, PONG = b"\x12\x02\x10\x01", b"\x1a\x00"
first = True
while True:
    line, _ = listener.accept()
    try:
        if first:
            send(line, b"\x12\x00")
            first = False
        while True:
            message = receive(line, struct.unpack(">I", receive(line, 4))[0])
            _, at = varint(message, 0)
            identity, at = varint(message, at)
            send(line, b"\x08" + number(identity) + (READY if message[at] >> 3 == 2 else PONG))
    except (ConnectionError, OSError):
        line.close()
