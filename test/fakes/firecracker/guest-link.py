"""Plays a machine's network card: guest-link.py TAP COMMAND...

Attaches to the TAP device of the seat's namespace as a hypervisor does, and carries its frames to and from a device of
the same address in a namespace of its own, in which the command runs. Ends when the command does.
"""

import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SIGKILL = 9
LARGEST_FRAME = 65_536
MAC, ADDRESS, GATEWAY = "06:00:ac:10:00:02", "172.16.0.2/30", "172.16.0.1"

libc = ctypes.CDLL(None, use_errno=True)


def attach(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


def main(tap, command):
    outside = attach(tap)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    inside = attach("eth0")
    for line in (
        "link set lo up",
        f"link set eth0 address {MAC} up",
        f"address add {ADDRESS} dev eth0",
        f"route add default via {GATEWAY}",
    ):
        subprocess.run(["ip", *line.split()], check=True)
    child = subprocess.Popen(command, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, SIGKILL))
    other = {outside: inside, inside: outside}
    while child.poll() is None:
        for device in select.select(list(other), [], [], 0.2)[0]:
            try:
                os.write(other[device], os.read(device, LARGEST_FRAME))
            except OSError:
                pass  # A frame is lost, as on a real wire.


main(sys.argv[1], sys.argv[2:])
