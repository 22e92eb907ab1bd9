"""What the worker asks for: one JSON object a line, every field checked (src/protocol/seat-init.ts)."""
import binascii
import json

LEAST_ENTROPY = 64


class Refused(Exception):
    """A request that is not one; the text says why."""


def require(condition, sentence):
    if not condition:
        raise Refused(sentence)


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def read_object(line):
    """The object of a line, with its number. Raises Refused."""
    # No request has another object in it: what stands before the last one, a lost connection has left.
    start = max(line.rfind(b'{'), 0)
    try:
        request = json.loads(line[start:])
    except (ValueError, RecursionError):
        raise Refused('The line is not JSON.') from None
    require(isinstance(request, dict) and is_int(request.get('id')), 'The line is not an object with a number "id".')
    return request


def check(request):
    """Raises Refused where a field is missing, unknown or not valid."""
    op = request.get('op')
    require(isinstance(op, str) and op in OPERATIONS, 'There are only the operations identify, sync and status.')
    fields = OPERATIONS[op]
    for name in request:
        require(name in fields or name in ('op', 'id'), f'There is no field "{name}".')
    for name, is_valid in fields.items():
        require(name in request and is_valid(request[name]), f'"{name}" is missing or not valid.')


def is_hostname(value):
    letters = 'abcdefghijklmnopqrstuvwxyz0123456789-'
    return isinstance(value, str) and 0 < len(value) < 64 and all(c in letters for c in value) and value.strip('-') == value


def is_machine_id(value):
    return isinstance(value, str) and len(value) == 32 and all(c in '0123456789abcdef' for c in value)


def is_time(value):
    # From 2001 to 2262.
    return isinstance(value, str) and len(value) == 19 and value.isascii() and value.isdigit() and int(value) < 2**63


def is_entropy(value):
    try:
        return len(binascii.a2b_base64(value, strict_mode=True)) >= LEAST_ENTROPY
    except (TypeError, ValueError):
        return False


# By their names, with their fields.
OPERATIONS = {
    'identify': {
        'hostname': is_hostname,
        'machine_id': is_machine_id,
        'seat': is_int,
        'time_ns': is_time,
        'entropy': is_entropy,
    },
    'sync': {},
    'status': {},
}
