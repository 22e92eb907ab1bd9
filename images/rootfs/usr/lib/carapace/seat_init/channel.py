"""The connection to the worker, over virtio-serial or vsock. It comes and goes; the machine is copied in between."""
import os
import select
import time

from .identity import read_text
from .operations import answer

SERIAL_PORT = 'carapace.seat'
VSOCK_PORT = 1024
LONGEST_LINE = 65536
ANSWER_SECONDS = 5
# Events say when there is something to read; this is for one that got lost between two lives of the machine.
LOOK_SECONDS = 2


def take_lines(pending, data):
    """Whole lines of what was pending and came now, and the rest; a line that is too long is told as None."""
    *lines, rest = (pending + data).split(b'\n')
    lines = [line if len(line) <= LONGEST_LINE else None for line in lines]
    # Kept just long enough to be known as too long when its end comes.
    return lines, rest[: LONGEST_LINE + 1]


class Peer:
    """One connection to the worker."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.pending = b''
        os.set_blocking(descriptor, False)

    def serve(self):
        """Answers all that has come; False where the worker is gone."""
        while True:
            try:
                data = os.read(self.descriptor, 65536)
            except BlockingIOError:
                return True
            except OSError:
                data = b''
            if not data:
                self.pending = b''
                return False
            lines, self.pending = take_lines(self.pending, data)
            for line in lines:
                self.send(answer(line))

    def send(self, data):
        """An answer that nobody takes is dropped."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while data:
            try:
                data = data[os.write(self.descriptor, data) :]
            except BlockingIOError:
                # Not by poll: a port without a peer says that it can be written to, and that it hung up.
                if time.monotonic() > deadline:
                    return
                time.sleep(0.02)
            except OSError:
                return


def find_serial():
    """The device of our virtio-serial port, where the machine has it."""
    folder = '/sys/class/virtio-ports'
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if read_text(f'{folder}/{name}/name').strip() == SERIAL_PORT:
            return f'/dev/{name}'
    return None


def serve_serial(path):
    """The port is one connection for ever, of which the other side comes and goes."""
    peer = Peer(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    # Edge-triggered: a port without a peer is at its end all the time.
    poller = select.epoll()
    poller.register(peer.descriptor, select.EPOLLIN | select.EPOLLET)
    while True:
        peer.serve()
        poller.poll(LOOK_SECONDS)


def serve_vsock():
    # Its start takes time, and most machines have a serial port.
    import socket

    listener = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    listener.bind((socket.VMADDR_CID_ANY, VSOCK_PORT))
    listener.listen(8)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    connections = {}
    while True:
        for descriptor, _events in poller.poll(LOOK_SECONDS):
            if descriptor == listener.fileno():
                connection, _address = listener.accept()
                connections[connection.fileno()] = (connection, Peer(connection.fileno()))
                poller.register(connection, select.EPOLLIN)
            elif not connections[descriptor][1].serve():
                connections.pop(descriptor)[0].close()
