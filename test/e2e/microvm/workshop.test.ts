/** A class of real machines, from the control plane to the prompt: made, used, broken, reset, adopted, deleted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { imageManifestSchema } from '../../../src/agent/vmm/machine/image.ts';
import { TestState, type TestControlPlane } from '../control-plane-harness.ts';
import { agentProcess, countWorld, hashBetween, hashOfNumbers, succeeded, TestSeat, until } from './seats-harness.ts';

const SEATS = 3;
const LAST_NUMBER = 2_000_000;
const images = process.env['IMAGES_DIR'] ?? '';

describe('a workshop of machines', function () {
  this.timeout(300_000);
  const state = new TestState();
  let controlPlane: TestControlPlane;
  let client: ControlPlaneClient;
  let workshopId = '';
  let seats: readonly TestSeat[] = [];
  let worldBefore: Record<string, readonly string[]>;

  before(async () => {
    controlPlane = await state.serve({ IMAGES_DIR: images });
    client = controlPlane.client;
    worldBefore = countWorld(state.folder);
  });
  after(async () => {
    for (const seat of seats) seat.close();
    await state.dispose();
  });

  it('is made by "auto" where machines can be had, and says that they are emulated', async () => {
    const { workshop, operation } = await client.createWorkshop({ name: 'Kernels', seats: SEATS });
    workshopId = workshop.id;
    await succeeded(client, operation);
    const running = await client.getWorkshop(workshopId);
    assert.deepEqual([running.status, running.runtime], ['running', 'qemu']);
    assert.equal(running.workers[0]?.accelerated, false);
    seats = Array.from({ length: SEATS }, (_, index) => new TestSeat(client, workshopId, index + 1));
    for (const seat of seats) assert.equal(await seat.status(), 'ready');
  });

  it('runs the kernel of the image in each seat, which the host reaches', async () => {
    const manifest = imageManifestSchema.parse(JSON.parse(readFileSync(join(images, 'manifest.json'), 'utf8')));
    for (const seat of seats) {
      assert.equal(await seat.output('uname -r'), manifest.kernel_release);
      execFileSync('ping', ['-c', '1', '-W', '5', `192.168.100.${10 + seat.seat}`]);
    }
    assert.notEqual(manifest.kernel_release, execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim());
  });

  it('has terminals and files through the proxy', async () => {
    const [one] = seats;
    const terminal = one!.openTerminal();
    terminal.write('echo "$USER in $(hostname): $((6 * 7))"; sudo -n id -u\n');
    assert.match(await terminal.shows(/learner in seat\S*: 42\r\n0\r\n/), /42/);
    const files = await one!.files();
    await files.write('notes/first.txt', Buffer.from('kept'));
    assert.equal(await one!.output('cat notes/first.txt'), 'kept');
    assert.equal(
      await one!
        .output(
          'git --version && python3 --version && vim --version | head -1 && curl --version | head -1 && node --version',
        )
        .then((text) => text.split('\n').length),
      5,
    );
    terminal.close();
  });

  it('gives each seat an identity of its own, and the right time', async () => {
    const facts = await Promise.all(
      seats.map((seat) =>
        seat.output(
          'hostname; cat /etc/machine-id; cat /etc/ssh/ssh_host_ed25519_key.pub; head -c 1048576 /dev/urandom | sha256sum',
        ),
      ),
    );
    const [hostnames, machineIds, keys, random] = [0, 1, 2, 3].map((line) =>
      facts.map((text) => text.split('\n')[line]!),
    );
    for (const values of [hostnames!, machineIds!, keys!, random!])
      assert.equal(new Set(values).size, SEATS, values.join());
    for (const seat of seats) {
      const [before, time, after] = [Date.now(), await seat.output('date +%s%3N'), Date.now()];
      assert.ok(
        Number(time) > before - 2000 && Number(time) < after + 2000,
        `${time} is not between ${before} and ${after}`,
      );
    }
  });

  it('goes on in its machines when the agent is killed under running terminals', async () => {
    const terminals = seats.map((seat) => seat.openTerminal());
    // The marks are put together by the shell, so that the echo of this line has none of them.
    const command = `stty raw -echo; printf '[%s]' BEGIN; seq 1 ${LAST_NUMBER}; printf '[%s]' END; stty sane`;
    for (const terminal of terminals) terminal.write(`kept=$$; ${command}\n`);
    for (const terminal of terminals) await until('numbers come', () => terminal.text.length > 100_000);
    const before = agentProcess(state.home);
    process.kill(before, 'SIGKILL');
    for (const terminal of terminals) await terminal.shows(/\[END\]/);
    assert.notEqual(agentProcess(state.home), before);
    for (const terminal of terminals) {
      assert.equal(terminal.skipped, 0);
      assert.ok(terminal.states.includes('reconnecting'), terminal.states.join());
      assert.equal(hashBetween(terminal.text, '[BEGIN]', '[END]'), hashOfNumbers(LAST_NUMBER));
      terminal.write('[ "$kept" = $$ ] && echo the same"" shell\n');
      await terminal.shows(/the same shell/);
      terminal.close();
    }
    for (const seat of seats) assert.equal(await seat.status(), 'ready');
  });

  it('resets a seat: a file that was deleted is there again, and nothing that was made', async () => {
    const [one] = seats;
    await one!.output('sudo rm /usr/bin/git && touch made-by-me && sync');
    await succeeded(client, await client.resetSeat(workshopId, 1));
    assert.match(await one!.output('git --version; ls'), /^git version \S+$/);
  });

  it('sees that a machine crashed, and resets it', async () => {
    const two = seats[1]!;
    const terminal = two.openTerminal();
    terminal.write('echo ready; sudo sh -c "echo c > /proc/sysrq-trigger"\n');
    await until('the seat is unhealthy', async () => (await two.status()) === 'unhealthy');
    terminal.close();
    for (const other of [seats[0]!, seats[2]!]) assert.equal(await other.status(), 'ready');
    await succeeded(client, await client.resetSeat(workshopId, 2));
    assert.equal(await two.output('echo alive'), 'alive');
  });

  it('keeps its files while it is stopped', async () => {
    const three = seats[2]!;
    await three.output('echo precious > kept.txt; sudo sh -c "echo more > /etc/kept"');
    await succeeded(client, await client.stopWorkshop(workshopId));
    assert.deepEqual(countWorld(state.folder), worldBefore);
    await succeeded(client, await client.startWorkshop(workshopId));
    assert.equal(await three.output('cat kept.txt /etc/kept'), 'precious\nmore');
  });

  it('is deleted, and leaves nothing', async () => {
    await succeeded(client, await client.deleteWorkshop(workshopId));
    assert.deepEqual(countWorld(state.folder), worldBefore);
    state.assertNothingIsLeft();
  });
});
