"""Tests of the parts of seat-init that need no machine."""
import base64
import json
import os
import pathlib
import random
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / 'images/rootfs/usr/lib/carapace'))

from seat_init import channel, identity, operations  # noqa: E402
from seat_init.requests import Refused, check, read_object  # noqa: E402

IDENTITY = {
    'op': 'identify',
    'id': 1,
    'hostname': 'seat-1',
    'machine_id': '0123456789abcdef' * 2,
    'seat': 1,
    'time_ns': '1800000000123456789',
    'entropy': base64.b64encode(bytes(64)).decode(),
}



def parse_request(line):
    request = read_object(line if isinstance(line, bytes) else line.encode())
    check(request)
    return request


WRONG = {
    'id': [None, '1', 1.5, True],
    'op': ['reboot', None, [], {}],
    'hostname': ['', '-a', 'a-', 'A', 'a b', 'a\n', 'ä', 'a' * 64, 7],
    'machine_id': ['', 'A' * 32, '0' * 31, '0' * 33, '0' * 32 + '\n', 7],
    'seat': ['1', None, 1.5],
    'time_ns': ['', '12', '-1800000000123456789', '1' * 40, '1' * 5000, '9' * 19, 1800000000123456789, '１８０００００００００００００００００'],
    'entropy': ['', 'AAAA', '*' * 100, base64.b64encode(bytes(63)).decode(), None],
}


class Requests(unittest.TestCase):
    def test_takes_what_is_right(self):
        self.assertEqual(parse_request(json.dumps(IDENTITY)), IDENTITY)
        self.assertEqual(parse_request(b'{"op": "status", "id": 3}'), {'op': 'status', 'id': 3})

    def test_takes_what_comes_after_half_a_line(self):
        whole = json.dumps(IDENTITY).encode()
        for length in range(len(whole)):
            with self.subTest(length=length):
                self.assertEqual(parse_request(whole[:length] + whole), IDENTITY)

    def test_refuses_each_wrong_field(self):
        for name, values in WRONG.items():
            for value in values:
                with self.subTest(name=name, value=value), self.assertRaises(Refused):
                    parse_request(json.dumps({**IDENTITY, name: value}))

    def test_refuses_what_is_missing_or_unknown(self):
        for name in IDENTITY:
            rest = {key: value for key, value in IDENTITY.items() if key != name}
            with self.subTest(name=name), self.assertRaises(Refused):
                parse_request(json.dumps(rest))
        with self.assertRaises(Refused):
            parse_request(json.dumps({**IDENTITY, 'more': 1}))

    def test_answers_any_line(self):
        for line in [b'{', b'[]', b'7', b'null', b'\xff', b'[' * 20000, b'{"id": 4}', None]:
            with self.subTest(line=line and line[:10]):
                told = json.loads(operations.answer(line))
                self.assertIs(told['ok'], False)
                self.assertTrue(told['error'].endswith('.'))
        self.assertEqual(operations.answer(b' '), b'')

    def test_answers_a_wrong_request_with_its_number(self):
        for request in [{'op': 'reboot'}, {'op': []}, {**IDENTITY, 'seat': 'x'}]:
            told = json.loads(operations.answer(json.dumps({**request, 'id': 4711}).encode()))
            self.assertEqual((told['id'], told['ok']), (4711, False))


class Lines(unittest.TestCase):
    def test_are_the_same_however_they_are_cut(self):
        chance = random.Random(7)
        whole = [bytes(chance.choices(b'ab{}', k=chance.randrange(0, 50))) for _ in range(200)]
        stream = b''.join(line + b'\n' for line in whole)
        for _ in range(50):
            taken, pending, at = [], b'', 0
            while at < len(stream):
                step = chance.randrange(1, 400)
                lines, pending = channel.take_lines(pending, stream[at : at + step])
                taken += lines
                at += step
            self.assertEqual(taken, whole)
            self.assertEqual(pending, b'')

    def test_that_are_too_long_are_told_as_such_and_not_kept(self):
        taken, pending = [], b''
        for _ in range(40):
            lines, pending = channel.take_lines(pending, b'x' * 10000)
            taken += lines
            self.assertLessEqual(len(pending), channel.LONGEST_LINE + 1)
        lines, pending = channel.take_lines(pending, b'\n{}\n')
        self.assertEqual(taken + lines, [None, b'{}'])


class Peers(unittest.TestCase):
    def test_a_worker_that_leaves_takes_its_half_line_along(self):
        ours, theirs = socket.socketpair()
        peer = channel.Peer(ours.detach())
        theirs.send(b'{"op":"sta')
        self.assertTrue(peer.serve())
        theirs.close()
        self.assertFalse(peer.serve())
        self.assertEqual(peer.pending, b'')
        os.close(peer.descriptor)

    def test_each_line_is_answered_in_order(self):
        ours, theirs = socket.socketpair()
        peer = channel.Peer(ours.detach())
        theirs.send(b''.join(b'{"op":"status","id":%d}\n' % number for number in range(100)))
        self.assertTrue(peer.serve())
        answers = theirs.makefile('rb')
        self.assertEqual([json.loads(answers.readline())['id'] for _ in range(100)], list(range(100)))
        theirs.close()
        os.close(peer.descriptor)


class Programs(unittest.TestCase):
    def test_tell_how_they_failed(self):
        with self.assertRaisesRegex(OSError, 'code 3: no reason'):
            identity.run(['/bin/sh', '-c', 'echo no reason >&2; exit 3'], 10)

    def test_are_ended_in_time(self):
        with self.assertRaisesRegex(OSError, 'did not end in time'):
            identity.run(['/bin/sleep', '60'], 0.2)

    def test_leave_no_unfinished_text(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'text')
            identity.write_text(path, 'before')
            identity.write_text(path, 'after')
            self.assertEqual(identity.read_text(path), 'after')
            self.assertEqual(os.listdir(folder), ['text'])
            self.assertEqual(identity.read_text(os.path.join(folder, 'none')), '')


if __name__ == '__main__':
    unittest.main()
