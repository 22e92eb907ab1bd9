/** What a learner with root in a machine tries: to reach what is not theirs, and to take more than their share. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { after, before, describe, it } from 'mocha';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import { TestState } from '../control-plane-harness.ts';
import { agentProcess, succeeded, TestSeat, until } from './seats-harness.ts';

/** As enter.sh has it. */
const UPLINK = '10.128.0.2';
const AGENT_PORT = 9090;

/** What answers where nothing is in the way, by a command in the first seat that succeeds when it gets through. */
const ATTACKS: Readonly<Record<string, string>> = {
  'the metadata server': 'curl -s -m 4 http://169.254.169.254/',
  'a private network behind the worker': 'curl -s -m 4 http://10.200.0.5/',
  'another private network': 'curl -s -m 4 http://172.20.0.5/',
  'another seat': 'curl -s -m 4 http://192.168.100.12:3001/health',
  "another seat's files": 'curl -s -m 4 http://192.168.100.12:3002/health',
  "the agent's port on the bridge": `curl -s -m 4 http://192.168.100.1:${AGENT_PORT}/`,
  "the agent's port on the uplink": `curl -s -m 4 http://${UPLINK}:${AGENT_PORT}/`,
  // The gateway must not know the seat by an address that is not its own.
  'a stranger by a spoofed address':
    'sudo ip address add 172.16.0.9/32 dev eth0; curl -s -m 4 --interface 172.16.0.9 http://1.2.3.4/; code=$?; sudo ip address del 172.16.0.9/32 dev eth0; exit $code',
};

describe('a learner with root in a machine', function () {
  this.timeout(300_000);
  const state = new TestState();
  let client: ControlPlaneClient;
  let workshopId = '';
  let one: TestSeat;
  let two: TestSeat;
  let agentStandIn: Server;

  before(async () => {
    ({ client } = await state.serve({ IMAGES_DIR: process.env['IMAGES_DIR'] ?? '' }));
    const { workshop, operation } = await client.createWorkshop({ seats: 2, runtime: 'qemu' });
    workshopId = workshop.id;
    await succeeded(client, operation);
    [one, two] = [new TestSeat(client, workshopId, 1), new TestSeat(client, workshopId, 2)];
    // On all addresses, as an agent with a certificate listens.
    agentStandIn = createServer((_request, response) => response.end('agent')).listen(AGENT_PORT, '0.0.0.0');
  });
  after(async () => {
    agentStandIn.close();
    await state.dispose();
  });

  it('reaches the internet and its resolver', async () => {
    assert.match(await one.output('curl -s -m 20 http://1.2.3.4/'), /\S/);
    await one.output('getent hosts internet.test');
  });

  for (const [what, command] of Object.entries(ATTACKS)) {
    it(`does not reach ${what}`, async () => {
      assert.notEqual((await one.run(command)).exit_code, 0);
    });
  }

  it('has no IPv6', async () => {
    assert.notEqual((await one.run('curl -s -m 4 -g "http://[2001:db8:1::1]/"')).exit_code, 0);
    assert.equal(await one.output('ip -6 route show default'), '');
  });

  it('would reach all that without the rules', async () => {
    disarm([]);
    const namespaces = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).match(/^clarateach-\S+/gm) ?? [];
    assert.ok(namespaces.length >= 2);
    for (const name of namespaces) disarm(['nsenter', `--net=/run/netns/${name}`]);
    for (const [, port] of execFileSync('bridge', ['link'], { encoding: 'utf8' }).matchAll(/^\d+: ([^:@ ]+)/gm))
      execFileSync('bridge', ['link', 'set', 'dev', port!, 'isolated', 'off']);
    const reached: string[] = [];
    for (const [what, command] of Object.entries(ATTACKS)) {
      if ((await one.run(command)).exit_code === 0) reached.push(what);
    }
    const blockedByTranslation = 'a stranger by a spoofed address';
    assert.deepEqual(
      Object.keys(ATTACKS).filter((what) => !reached.includes(what) && what !== blockedByTranslation),
      [],
    );
    // The next agent puts everything back, around seats that run.
    const killed = agentProcess(state.home);
    process.kill(killed, 'SIGKILL');
    await until('the next agent listens', () => agentProcess(state.home) !== killed);
    await until('the seat is ready again', async () => (await one.status()) === 'ready');
    await until('the rules are back', async () => (await one.run(ATTACKS['the metadata server']!)).exit_code !== 0);
  });

  it('is behind its firewall again soon after another program removed that', async () => {
    execFileSync('nft', ['flush', 'ruleset']);
    await until(
      'the internet is there again',
      async () => (await one.run('curl -s -m 4 http://1.2.3.4/')).exit_code === 0,
    );
    assert.notEqual((await one.run(ATTACKS['the metadata server']!)).exit_code, 0);
  });

  it('starves nobody else with a fork bomb, and its seat goes on', async () => {
    const before = await speedOf(two);
    const terminal = one.openTerminal();
    terminal.write('bomb() { bomb | bomb & }; bomb\n');
    await until('it runs', async () => Number(await numberOfProcesses(one)) > 100 || terminal.text.includes('fork'));
    console.log(`      the neighbour's loop: ${before} ms before, ${await speedOf(two)} ms beside a fork bomb`);
    assert.equal(await two.status(), 'ready');
    terminal.close();
    await succeeded(client, await client.resetSeat(workshopId, 1));
  });

  it('keeps a memory hog inside its machine', async () => {
    const { exit_code } = await one.run('python3 -c "x = bytearray(1 << 33)"', 120_000);
    assert.notEqual(exit_code, 0);
    const hog = await one.run('python3 -c "\nx = []\nwhile True: x.append(bytearray(1 << 22))"', 120_000);
    assert.notEqual(hog.exit_code, 0);
    assert.equal(await two.output('echo fine'), 'fine');
    await until('the seat answers', async () => (await one.status()) === 'ready');
  });

  it('fills its own disk, and no other', async () => {
    const fill = await one.run('dd if=/dev/zero of=big bs=1M 2>&1; df --output=pcent . | tail -1', 200_000);
    assert.match(fill.stdout, /No space left/);
    assert.match(fill.stdout, /100%/);
    await two.output('echo fine > here && cat here');
    assert.equal(await one.output('rm big && echo again > small && cat small'), 'again');
  });

  it('can come back with a disk that is full', async () => {
    await one.run('dd if=/dev/zero of=big bs=1M', 200_000);
    await succeeded(client, await client.stopWorkshop(workshopId));
    await succeeded(client, await client.startWorkshop(workshopId));
    assert.equal(await one.output('cat small'), 'again');
    assert.equal(await two.output('cat here'), 'fine');
  });

  it('leaves nothing behind', async () => {
    await succeeded(client, await client.deleteWorkshop(workshopId));
    state.assertNothingIsLeft();
  });
});

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly type?: string;
}

/** Empties what filters and lets everything pass; what translates addresses stays, for there is no network without it. */
function disarm(enter: readonly string[]): void {
  const nft = (...words: string[]): string => {
    const [program, ...args] = [...enter, 'nft', ...words];
    return execFileSync(program!, args, { encoding: 'utf8' });
  };
  const { nftables } = JSON.parse(nft('-j', 'list', 'ruleset')) as { nftables: { chain?: Chain }[] };
  for (const { chain } of nftables) {
    if (chain?.type !== 'filter') continue;
    nft('flush', 'chain', chain.family, chain.table, chain.name);
    nft('add', 'chain', chain.family, chain.table, chain.name, '{ policy accept; }');
  }
}

/** Milliseconds that a loop takes in a seat. */
async function speedOf(seat: TestSeat): Promise<number> {
  return Number(
    await seat.output(
      's=$(date +%s%N); i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $(( ($(date +%s%N) - s) / 1000000 ))',
    ),
  );
}

async function numberOfProcesses(seat: TestSeat): Promise<string> {
  const { stdout } = await seat.run('ls -d /proc/[0-9]* | wc -l', 20_000);
  return stdout.trim();
}
