/** What a machine does that is started from the image, by its console and by the channel of its root program. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readImage } from '../../../src/agent/vmm/machine/image.ts';
import type { SeatQuestion } from '../../../src/agent/vmm/machine/seat-channel.ts';
import { imagesFolder } from '../../../src/lib/machine-image.ts';
import { SEAT_CHANNEL } from '../../../src/protocol/seat-init.ts';
import { PlainMachine } from './plain-machine.ts';

/** An hour that no machine has by itself. */
const ANOTHER_TIME = Date.UTC(2031, 4, 5, 6, 7, 8);

function identity(
  seat: number,
  machineId = randomBytes(16).toString('hex'),
): SeatQuestion & { readonly op: 'identify' } {
  const time_ns = String(BigInt(ANOTHER_TIME) * 1_000_000n);
  const entropy = randomBytes(64).toString('base64');
  return { op: 'identify', hostname: `seat-${seat}`, machine_id: machineId, seat, time_ns, entropy };
}

/** Starts processes until it may not, keeps them for a while, and ends them. */
const FORK_BOMB = `
import os, signal, time
children = []
try:
    while True:
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        children.append(child)
except OSError:
    time.sleep(3)
for child in children:
    os.kill(child, signal.SIGKILL)
print("refused after", len(children))
`;

/** The root program as it is in a machine of Firecracker, and two workers, one after the other, as the host is there. */
const VSOCK_SERVER =
  'import sys; sys.path.insert(0, "/usr/lib/carapace"); from seat_init.channel import serve_vsock; serve_vsock()';
const VSOCK_CLIENTS = `
import json, socket
for number in (1, 2):
    with socket.socket(socket.AF_VSOCK) as worker:
        worker.connect((1, 1024))
        worker.sendall(b'{"op":"sync","id":%d}' % number + bytes([10]))
        print(json.loads(worker.makefile().readline()))
`;

const KEYS = 'cat /etc/ssh/ssh_host_*_key.pub';

describe('a machine of the image', function () {
  this.timeout(300_000);
  const machine = new PlainMachine();

  before(async () => {
    await machine.start();
    await machine.until('its servers answer', () => machine.answers());
  });
  after(() => machine.remove());

  it("runs the image's kernel, and Node and Python for the learner, who is an administrator", async () => {
    const { manifest } = await readImage(imagesFolder());
    assert.equal(await machine.sh('uname -r'), manifest.kernel_release);
    assert.equal(await machine.sh('node --version'), `v${manifest.node}`);
    assert.equal(await machine.sh('python3 -c "print(6 * 7)"'), '42');
    assert.equal(
      await machine.sh('id -un; id -u; sudo id -u; pwd; echo ~; stat -c %U:%a ~'),
      [...['learner', '1000', '0', '/workspace', '/workspace', 'learner:700']].join('\n'),
    );
    assert.equal(
      await machine.sh('echo $LANG $TERM $SHELL; command -v ip git vim curl'),
      [...['C.UTF-8 xterm-256color /bin/bash', '/usr/sbin/ip', '/usr/bin/git', '/usr/bin/vim', '/usr/bin/curl']].join(
        '\n',
      ),
    );
    assert.match(await machine.sh('cat /proc/sys/kernel/tainted /sys/fs/cgroup/learner/pids.max'), /^0\n\d+$/);
  });

  it('becomes the seat that it is told to be', async () => {
    assert.equal(await machine.sh('cat /etc/machine-id; ls /etc/ssh | grep -c ssh_host || true'), '0');
    const first = identity(7);
    await machine.ask(first);
    assert.equal(
      await machine.sh('hostname; cat /etc/hostname; cat /etc/machine-id'),
      [...['seat-7', 'seat-7', first.machine_id]].join('\n'),
    );
    assert.equal(await machine.sh('getent hosts seat-7'), '127.0.1.1       seat-7');
    const clock = Number(await machine.sh('date +%s')) * 1000;
    assert.ok(clock >= ANOTHER_TIME && clock < ANOTHER_TIME + 60_000, new Date(clock).toISOString());
    assert.match(await machine.sh('bash -ic \'echo "${PS1@P}"\' 2>/dev/null'), /seat-7:~\$/);

    const firstKeys = await machine.sh(KEYS);
    assert.match(firstKeys, /^ssh-ed25519 \S+ seat-7$/);
    await machine.ask(identity(8));
    const secondKeys = await machine.sh(KEYS);
    assert.match(secondKeys, /^ssh-ed25519 \S+ seat-8$/);
    assert.notEqual(secondKeys.split(' ')[1], firstKeys.split(' ')[1]);
    // sshd takes them.
    await machine.sh('sudo /usr/sbin/sshd -t');
  });

  it('keeps its keys when it is told the same again', async () => {
    const again = identity(9);
    await machine.ask(again);
    const keys = await machine.sh(KEYS);
    await machine.ask({ ...again, entropy: randomBytes(64).toString('base64') });
    assert.equal(await machine.sh(KEYS), keys);
  });

  it('refuses what is no identity, and says why', async () => {
    await assert.rejects(machine.ask({ ...identity(1), hostname: '-seat' }), /"hostname" is missing or not valid/);
    await assert.rejects(machine.ask({ ...identity(1), time_ns: '12' }), /"time_ns" is missing or not valid/);
    assert.equal((await machine.ask({ op: 'status' })).ok, true);
  });

  it('answers after a worker that left in the middle of a line', async () => {
    const leaving = createConnection(machine.channelPath);
    leaving.write('{"op":"sync","id":');
    await sleep(500);
    leaving.destroy();
    assert.equal((await machine.ask({ op: 'sync' })).ok, true);
  });

  it('answers over vsock as over the serial port', async () => {
    await machine.sh(`sudo modprobe vsock_loopback; sudo setsid python3 -IS -c '${VSOCK_SERVER}' >/dev/null 2>&1 &`);
    const listening = `:${SEAT_CHANNEL.vsockPort}`;
    await machine.until('it listens', async () => (await machine.sh('ss --vsock -lnH')).includes(listening));
    const answers = await machine.sh(`python3 - <<'END'${VSOCK_CLIENTS}END`);
    assert.equal(answers, "{'id': 1, 'ok': True}\n{'id': 2, 'ok': True}");
  });

  it('starts its server again when it dies, and counts that', async () => {
    const before = (await machine.ask({ op: 'status' })).restarts?.['workspace'] ?? 0;
    await machine.sh('(sleep 0.5; sudo pkill -KILL -f workspace.cjs) >/dev/null 2>&1 & true');
    await machine.until('the restart is counted', async () => {
      const { restarts } = await machine.ask({ op: 'status' });
      return (restarts?.['workspace'] ?? 0) === before + 1;
    });
    await machine.until('the servers answer again', () => machine.answers());
    assert.match(machine.console(), /carapace: workspace ended with code 137; it starts again/);
  });

  it('lets a fork bomb and a memory hog of the learner neither end its server nor its root program', async () => {
    const before = (await machine.ask({ op: 'status' })).restarts ?? {};
    // Grows for ever, and is killed for it; under the shell that `sh` gets, whose place in the order of killing it has.
    const hog = 'python3 -c "a = []\nwhile True: a.append(bytearray(1 << 20))"; echo $?';
    assert.equal(await machine.sh(hog), '137');
    const course = { isOver: false };
    const bomb = machine.sh(`python3 -c '${FORK_BOMB}'`).finally(() => (course.isOver = true));
    while (!course.isOver) {
      assert.equal((await machine.ask({ op: 'status' })).ok, true);
      assert.ok(await machine.answers());
      await sleep(300);
    }
    assert.match(await bomb, /^refused after \d+$/);
    assert.match(await machine.sh('cat /sys/fs/cgroup/learner/pids.events'), /^max [1-9]/);
    assert.deepEqual((await machine.ask({ op: 'status' })).restarts ?? {}, before);
  });

  it('ends when its kernel crashes', async () => {
    await machine.sh('(sleep 0.5; echo c | sudo tee /proc/sysrq-trigger) >/dev/null 2>&1 & true');
    await machine.ended();
  });
});

describe('a machine of the image that cannot be a seat', function () {
  this.timeout(300_000);

  async function withMachine(
    options: Parameters<PlainMachine['start']>[0],
    use: (machine: PlainMachine) => Promise<void>,
  ) {
    const machine = new PlainMachine();
    try {
      await use(await machine.start(options));
    } finally {
      await machine.remove();
    }
  }

  it('says on its console what its server says before it ends, and pauses between its tries', async () => {
    const files = mkdtempSync(join(tmpdir(), 'carapace-broken-'));
    const folder = join(files, 'files/usr/lib/carapace');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'workspace.cjs'), "throw new Error('broken on purpose');\n");
    try {
      await withMachine({ files }, async (machine) => {
        await machine.until('the third try', () => machine.console().includes('(restart 3)'));
        assert.match(machine.console(), /workspace ended with code 1; it starts again in 1 s \(restart 1\)/);
        assert.match(machine.console(), /it starts again in 7 s \(restart 3\)/);
        assert.match(machine.console(), /Error: broken on purpose/);
        assert.equal((await machine.ask({ op: 'status' })).restarts?.['workspace'], 3);
      });
    } finally {
      rmSync(files, { recursive: true, force: true });
    }
  });

  it('says that its disk is missing, and ends', async () => {
    await withMachine({ withoutDisk: true }, async (machine) => {
      await machine.ended();
      assert.match(machine.console(), /carapace: the seat cannot start: there is no \/dev\/vdb, the seat's own disk\./);
    });
  });

  it('only shows that the processor can run a kernel, where that is all that is asked', async () => {
    await withMachine({ append: 'carapace.probe', withoutDisk: true }, async (machine) => {
      await machine.ended();
      assert.match(machine.console(), /^carapace-probe-ok$/m);
    });
  });
});
