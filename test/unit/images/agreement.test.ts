/** What the files of the image repeat, because they cannot import it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GUEST } from '../../../src/agent/network/seat-network.ts';
import { makeHome } from '../../../src/agent/vmm/process/skeleton.ts';
import { SEAT_CHANNEL } from '../../../src/protocol/seat-init.ts';

const system = (path: string) => readFileSync(join(import.meta.dirname, '../../../images/rootfs', path), 'utf8');

describe('the system of a seat', () => {
  it('has the address that the worker translates', () => {
    const start = system('usr/lib/carapace/start');
    assert.ok(start.includes(`ip address add ${GUEST.address}/${GUEST.prefix} dev eth0\n`));
    assert.ok(start.includes(`ip route add default via ${GUEST.gateway}\n`));
    assert.ok(system('etc/resolv.conf').includes(`nameserver ${GUEST.dns}\n`));
  });

  it('serves the channel that the worker opens', () => {
    const channel = system('usr/lib/carapace/seat_init/channel.py');
    assert.ok(channel.includes(`SERIAL_PORT = '${SEAT_CHANNEL.serialPort}'\n`));
    assert.ok(channel.includes(`VSOCK_PORT = ${SEAT_CHANNEL.vsockPort}\n`));
  });

  it('gives a new home the files that one of a process gets, the number of the seat apart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carapace-home-'));
    try {
      await makeHome(join(folder, 'home'), 7);
      for (const name of ['.bashrc', '.profile']) {
        const expected = readFileSync(join(folder, 'home', name), 'utf8');
        const found = system(`etc/skel/${name}`).replace('"seat-$(</run/carapace/seat):\\w\\$ "', "'seat-7:\\w$ '");
        assert.equal(found, expected);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
