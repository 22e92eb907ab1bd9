/** The seats' network with played guests: what has to work, does; run by enter.sh. Bounds and attacks are beside it. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { addressOf } from '../../../src/agent/network/seat-network.ts';
import { UnavailableError } from '../../../src/protocol/errors.ts';
import { requireRig } from './rig/kernel-snapshot.ts';
import { INTERNET, makeNetwork, NAMES, NetworkFixture, resolveNames } from './rig/network-fixture.ts';
import { startReady } from './rig/played-guest.ts';

describe('The network of seats', () => {
  const fixture = new NetworkFixture();

  beforeEach(() => fixture.start());
  afterEach(() => fixture.stop());

  it('lets a seat reach the internet as the worker, and names by UDP and TCP', async () => {
    equal(await fixture.guest.run('curl', '-s', '-m', '5', INTERNET), '1.2.3.4 was asked by 10.128.0.2\n');
    const answers = await resolveNames(fixture.guest);
    equal(answers, NAMES);
  });

  it('lets the worker ping a seat and use its servers', async () => {
    ok(execSync(`busybox ping -c 1 -W 2 ${fixture.link.ip}`).includes('1 packets received'));
    equal(await (await fetch(`http://${fixture.link.ip}:3001/`)).text(), 'This is guest1.\n');
    ok(await fixture.guest.succeeds('busybox', 'ping', '-c', '1', '-W', '2', '172.16.0.1'));
  });

  it('goes on when the way to the internet becomes another interface', async () => {
    execSync(`
      ip link add up1 type veth peer name wire1 netns internet
      ip address add 10.129.0.2/24 dev up1 && ip link set up1 up
      ip -n internet address add 10.129.0.1/24 dev wire1 && ip -n internet link set wire1 up
      ip route replace default via 10.129.0.1`);
    try {
      equal(await fixture.guest.run('curl', '-s', '-m', '5', INTERNET), '1.2.3.4 was asked by 10.129.0.2\n');
    } finally {
      execSync('ip route replace default via 10.128.0.1 && ip link delete up1');
    }
  });

  it("makes a seat's connections fit the way to the internet", async () => {
    const within = 'nsenter --net=/run/netns/internet nft';
    const rule = 'tcp flags & (syn | rst) == syn tcp option maxseg size 1360 counter';
    execSync('ip link set up0 mtu 1400');
    execSync(`${within} -f -`, {
      input: `table ip seen {\n chain in {\n type filter hook prerouting priority 0;\n ${rule}\n }\n }\n`,
    });
    try {
      ok(await fixture.guest.reaches(INTERNET));
      match(execSync(`${within} list table ip seen`, { encoding: 'utf8' }), /counter packets 1 /);
    } finally {
      execSync(`ip link set up0 mtu 1500; ${within} delete table ip seen`);
    }
  });

  it('leaves a held seat its network when the agent ends, and the next one takes it over', async () => {
    await fixture.network.close();
    ok(await fixture.network.isWhole(1));
    equal(await fixture.guest.run('curl', '-s', '-m', '5', INTERNET), '1.2.3.4 was asked by 10.128.0.2\n');
    equal(await fixture.guest.reaches('http://10.200.0.5/'), false);
    fixture.network = makeNetwork();
    await fixture.network.open(fixture.signal);
    deepEqual(await fixture.network.adopt(1, fixture.signal), fixture.link);
    await fixture.network.reap(new Set([1]));
    equal(await resolveNames(fixture.guest), NAMES);
  });

  it('brings back the bridge where another agent has taken it along', async () => {
    execSync('ip link delete clarateach0');
    const { ip } = await fixture.network.take(2, fixture.signal);
    ok(await fixture.network.isWhole(2));
    equal(ip, addressOf(2));
    await fixture.network.release(2);
  });

  it('shares the slots with another agent and takes nothing of it', async () => {
    const other = makeNetwork('other');
    await other.open(fixture.signal);
    await other.reap(new Set());
    equal((await other.take(1, fixture.signal)).slot, 2);
    await other.release(2);
    await other.close();
    ok(await fixture.network.isWhole(1));
    equal(await fixture.guest.run('curl', '-s', '-m', '5', INTERNET), '1.2.3.4 was asked by 10.128.0.2\n');
    ok(await resolveNames(fixture.guest));
  });

  it('mends what is missing around a machine, but not its TAP device', async () => {
    ok(await fixture.network.isWhole(1));
    for (const damage of [
      'ip link delete dev clarateach-1',
      'ip link set clarateach-1 nomaster',
      'ip link set clarateach-1 type bridge_slave isolated off',
      `nsenter --net=${fixture.link.namespace} nft flush ruleset`,
      `nsenter --net=${fixture.link.namespace} ip link set veth0 down`,
    ]) {
      execSync(damage);
      equal(await fixture.network.isWhole(1), false, damage);
      deepEqual(await fixture.network.adopt(1, fixture.signal), fixture.link);
      ok(await fixture.network.isWhole(1), damage);
      equal(await (await fetch(`http://${fixture.link.ip}:3001/`)).text(), 'This is guest1.\n', damage);
    }
    execSync('ip link delete clarateach0 && nft flush ruleset');
    await fixture.network.open(fixture.signal);
    await fixture.network.adopt(1, fixture.signal);
    equal(await fixture.guest.run('curl', '-s', '-m', '5', INTERNET), '1.2.3.4 was asked by 10.128.0.2\n');

    execSync(`nsenter --net=${fixture.link.namespace} ip link delete dev tap0`);
    equal(await fixture.network.isWhole(1), false);
    await rejects(fixture.network.adopt(1, fixture.signal), UnavailableError);
  });

  it('lets alone what is left of a seat that could not be taken over', async () => {
    execSync('ip netns add clarateach-test-2');
    equal((await fixture.network.take(2, fixture.signal)).slot, 3);
    await fixture.network.release(3);
    ok(existsSync('/run/netns/clarateach-test-2'));
    await fixture.network.reap(new Set([1, 2]));
    ok(existsSync('/run/netns/clarateach-test-2'));
    await fixture.network.reap(new Set([1]));
    equal(existsSync('/run/netns/clarateach-test-2'), false);
    ok(await fixture.network.isWhole(1));
  });

  it('finds a foreign firewall that drops, which no rule of ours overrides', async () => {
    deepEqual(await fixture.network.diagnose(fixture.signal), []);
    const docker = `table ip filter {
      chain FORWARD {
        type filter hook forward priority filter; policy drop;
        jump DOCKER-USER
      }
      chain DOCKER-USER {
      }
    }
    `;
    execSync('nft -f -', { input: docker });
    try {
      equal(await fixture.guest.reaches(INTERNET), false);
      const [warning, ...others] = await fixture.network.diagnose(fixture.signal);
      deepEqual(others, []);
      match(warning ?? '', /Docker.*seats do not reach the internet.*iptables -I DOCKER-USER -i clarateach0 -j ACCEPT/);
      // What the advice makes of it.
      execSync('nft insert rule ip filter DOCKER-USER iifname clarateach0 accept');
      execSync('nft insert rule ip filter DOCKER-USER oifname clarateach0 ct state established,related accept');
      deepEqual(await fixture.network.diagnose(fixture.signal), []);
      ok(await fixture.guest.reaches(INTERNET));
    } finally {
      execSync('nft delete table ip filter');
    }
  });
});

describe('The network of seats, where it cannot be', () => {
  async function refusal(): Promise<string> {
    const network = makeNetwork();
    const error = await network.open(new AbortController().signal).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await network.close();
    ok(error instanceof UnavailableError, String(error));
    return error.message;
  }

  it('says whose addresses are in the way', async () => {
    requireRig();
    execSync('ip link add lan type bridge && ip address add 192.168.100.7/24 dev lan && ip link set lan up');
    try {
      match(await refusal(), /192\.168\.100\.\S+ by lan/);
    } finally {
      execSync('ip link delete lan');
    }
  });

  it('says that the name of the bridge is in use', async () => {
    execSync('ip link add clarateach0 type veth peer name other');
    match(await refusal(), /clarateach0 .* is not a bridge/);
    execSync('ip link delete clarateach0');
  });

  it('says that another program resolves names there', async () => {
    const script = `require('dgram').createSocket('udp4').bind(53, '0.0.0.0', () => console.log('ready'))`;
    const other = await startReady(undefined, [process.execPath, '--eval', script]);
    try {
      match(await refusal(), /Another program serves names on 192\.168\.100\.1:53/);
    } finally {
      other.kill('SIGKILL');
    }
  });
});
