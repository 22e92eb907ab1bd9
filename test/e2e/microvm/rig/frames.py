"""Frames as they are on a link: frames.py send LINK HEX… | frames.py watch LINK

Sends each frame as it is; or prints a line for each frame that comes in by the link until it is killed: the MAC it comes
from, its type, and the address that it says it comes from, after a first line "ready".
"""

import socket
import sys

EVERY_TYPE = 0x0003
OUTGOING = 4
IPV4 = 0x0800
ARP = 0x0806


def source_address(kind, frame):
    if kind == IPV4:
        return socket.inet_ntoa(frame[26:30])
    if kind == ARP:
        return socket.inet_ntoa(frame[28:32])
    return "-"


def watch(link):
    link.bind((sys.argv[2], EVERY_TYPE))
    print("ready", flush=True)
    while True:
        frame, address = link.recvfrom(65_535)
        if address[2] == OUTGOING:
            continue
        kind = int.from_bytes(frame[12:14], "big")
        print(frame[6:12].hex(":"), f"{kind:04x}", source_address(kind, frame), flush=True)


def main():
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_TYPE))
    if sys.argv[1] == "watch":
        watch(link)
    link.bind((sys.argv[2], 0))
    for frame in sys.argv[3:]:
        link.send(bytes.fromhex(frame))


main()
