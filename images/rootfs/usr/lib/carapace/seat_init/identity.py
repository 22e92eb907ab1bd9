"""Becoming a seat: what must differ between copies of one machine."""
import binascii
import fcntl
import os
import select
import struct
import sys
import time

STATE = '/run/carapace'
HOST_KEY = '/etc/ssh/ssh_host_ed25519_key'
KEYGEN = ('/usr/bin/ssh-keygen', '-q', '-t', 'ed25519', '-N', '')
KEYGEN_SECONDS = 60
RNDADDENTROPY = 0x40085203
RNDRESEEDCRNG = 0x5207


def read_text(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read()
    except OSError:
        return ''


def write_text(path, text, mode=0o644):
    """Whole or not at all, also when the machine ends meanwhile. What is there already needs no room on a full disk."""
    try:
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    temporary = f'{path}.new'
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), 'w', encoding='utf-8') as file:
        file.write(text)
    os.rename(temporary, path)


def set_clock(request):
    time.clock_settime_ns(time.CLOCK_REALTIME, int(request['time_ns']))


def add_entropy(request):
    """Writing to the device would not be enough: the generator takes that into account only later."""
    seed = binascii.a2b_base64(request['entropy'])
    with open('/dev/urandom', 'rb', buffering=0) as device:
        fcntl.ioctl(device, RNDADDENTROPY, struct.pack('ii', len(seed) * 8, len(seed)) + seed)
        fcntl.ioctl(device, RNDRESEEDCRNG)


def set_name(request):
    hostname = request['hostname']
    with open('/proc/sys/kernel/hostname', 'w', encoding='ascii') as file:
        file.write(hostname)
    write_text('/etc/hostname', f'{hostname}\n')
    write_text('/etc/hosts', f'127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n')
    write_text(f'{STATE}/seat', f'{request["seat"]}\n')


def run(command, seconds):
    """Runs a program to its end. Raises OSError with what it said."""
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    child = os.posix_spawn(command[0], command, {'PATH': '/usr/bin:/bin'}, file_actions=actions)
    os.close(writer)
    deadline = time.monotonic() + seconds
    said = b''
    with open(reader, 'rb', buffering=0) as output:
        while select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
            data = output.read(4096)
            if not data:
                break
            said += data
        else:
            os.kill(child, 9)
            said += b'it did not end in time'
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        raise OSError(f'{command[0]} ended with code {code}: {said.decode(errors="replace").strip()[-500:]}')


def set_keys(request):
    """The machine id and the keys of ssh. A seat that is started again is the same machine and keeps its keys."""
    if read_text('/etc/machine-id').strip() == request['machine_id'] and os.path.exists(HOST_KEY):
        return
    folder = os.path.dirname(HOST_KEY)
    for name in os.listdir(folder):
        if name.startswith('ssh_host_'):
            os.unlink(f'{folder}/{name}')
    run([*KEYGEN, '-C', request['hostname'], '-f', HOST_KEY], KEYGEN_SECONDS)
    write_text('/etc/machine-id', f'{request["machine_id"]}\n', 0o444)


def identify(request):
    # The keys come after the entropy that they are made from.
    for step in (set_clock, add_entropy, set_name, set_keys):
        step(request)
    return {}


def warm_up():
    """Makes a key for nothing: then ssh-keygen is in the memory of every copy of this machine, and takes no second."""
    path = f'{STATE}/unused'
    try:
        run([*KEYGEN, '-f', path], KEYGEN_SECONDS)
        for name in (path, f'{path}.pub'):
            os.unlink(name)
    except OSError as error:
        print(f'A first key could not be made: {error}', file=sys.stderr)
