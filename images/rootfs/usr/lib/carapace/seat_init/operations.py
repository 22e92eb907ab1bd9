"""The operations, and the answer to each line that asks for one."""
import json
import os

from .identity import STATE, identify, read_text
from .requests import Refused, check, read_object, require


def sync(_request):
    os.sync()
    return {}


def status(_request):
    folder = f'{STATE}/restarts'
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        names = []
    counts = {name: read_text(f'{folder}/{name}').strip() for name in names}
    return {'restarts': {name: int(count) for name, count in counts.items() if count.isdigit()}}


OPERATIONS = {'identify': identify, 'sync': sync, 'status': status}


def answer(line):
    """The answer to a line, as a line; nothing to an empty one, which ends what a lost connection left of another."""
    if line is not None and not line.strip():
        return b''
    request_id = 0
    try:
        require(line is not None, 'The line is too long.')
        request = read_object(line)
        request_id = request['id']
        check(request)
        result = {'id': request_id, 'ok': True, **OPERATIONS[request['op']](request)}
    except (Refused, OSError) as error:
        result = {'id': request_id, 'ok': False, 'error': str(error)}
    return json.dumps(result).encode() + b'\n'
