"""Plays a machine's network card: wire.py TAP NAMESPACE

Opens the TAP device of its own namespace, as a machine's program does, makes another one named eth0 in NAMESPACE (a path),
and carries frames between them until it is killed. Prints "ready" once they are connected.
"""

import ctypes
import fcntl
import os
import select
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
LARGEST_FRAME = 65_550


def open_tap(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


def enter(namespace):
    descriptor = os.open(namespace, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns", namespace)


def carry(source, target):
    """Frames are lost where the other side is down or full, as on a wire."""
    try:
        while True:
            frame = os.read(source, LARGEST_FRAME)
            try:
                os.write(target, frame)
            except OSError:
                pass
    except BlockingIOError:
        pass


def main():
    tap, namespace = sys.argv[1:]
    outer = open_tap(tap)
    enter(namespace)
    inner = open_tap("eth0")
    print("ready", flush=True)
    other = {outer: inner, inner: outer}
    poll = select.epoll()
    for device in other:
        poll.register(device, select.EPOLLIN)
    while True:
        for device, _ in poll.poll():
            carry(device, other[device])


try:
    main()
except OSError as error:
    sys.exit(f"The wire has ended: {error.strerror}")
