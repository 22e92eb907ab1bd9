import assert from 'node:assert/strict';
import { readSettings, UsageError } from '../../../src/agent/settings.ts';
import { seatEnvironment } from '../../../src/agent/vmm/process/launch.ts';
import { processCapacity } from '../../../src/agent/vmm/process/capacity.ts';
import { seatPaths } from '../../../src/agent/vmm/process/seat-folder.ts';

const ARGUMENTS = ['--state-dir', '/s', '--listen', '127.0.0.1:0', '--insecure-loopback'];

function environment(): NodeJS.ProcessEnv {
  return { AGENT_TOKEN: 'a', WORKSPACE_TOKEN_SECRET: 'w' };
}

describe('what the agent is told', () => {
  it('has defaults, and takes the secrets out of the environment', () => {
    const env = { ...environment(), OTHER: '1' };
    const settings = readSettings(ARGUMENTS, env);
    assert.deepEqual(env, { OTHER: '1' });
    assert.equal(settings.socketDir, '/run/clarateach');
    assert.deepEqual([settings.host, settings.port, settings.agentToken], ['127.0.0.1', 0, 'a']);
    assert.deepEqual(settings.allowedOrigins, []);
    assert.equal(settings.capacity, undefined);
    assert.deepEqual([settings.runtime, settings.imagesDir], ['process', '/var/lib/clarateach/images']);
  });

  it('may be an IPv6 address, origins and a capacity', () => {
    const more = ['--allow-origin', 'https://a.example/join', 'http://b.example:81', '--capacity', '3'];
    const args = ['--state-dir', '/s', '--listen', '[::1]:9090', '--insecure-loopback', ...more];
    const settings = readSettings(args, { ...environment(), SOCKET_DIR: '/tmp/clarateach' });
    assert.deepEqual([settings.host, settings.port, settings.socketDir], ['::1', 9090, '/tmp/clarateach']);
    assert.deepEqual([settings.allowedOrigins, settings.capacity], [['https://a.example', 'http://b.example:81'], 3]);
  });

  it('may be machines, and where their images are', () => {
    for (const runtime of ['qemu', 'firecracker'] as const) {
      const settings = readSettings([...ARGUMENTS, '--runtime', runtime], { ...environment(), IMAGES_DIR: '/images' });
      assert.deepEqual([settings.runtime, settings.imagesDir], [runtime, '/images']);
    }
  });

  for (const [what, args, env, sentence] of [
    ['no arguments', [], environment(), /--state-dir/],
    ['no TLS and no word that it is not wanted', ARGUMENTS.slice(0, 4), environment(), /does not speak TLS/],
    ['an address for others without TLS', [...ARGUMENTS, '--listen', '0.0.0.0:1'], environment(), /not on 0\.0\.0\.0/],
    ['an address that is none', [...ARGUMENTS, '--listen', '9090'], environment(), /a host and a port/],
    ['a port that is none', [...ARGUMENTS, '--listen', '127.0.0.1:70000'], environment(), /a host and a port/],
    ['no agent token', ARGUMENTS, { WORKSPACE_TOKEN_SECRET: 'w' }, /AGENT_TOKEN/],
    ['an empty secret', ARGUMENTS, { AGENT_TOKEN: 'a', WORKSPACE_TOKEN_SECRET: '' }, /WORKSPACE_TOKEN_SECRET/],
    ['a runtime that is none', [...ARGUMENTS, '--runtime', 'docker'], environment(), /docker/],
    ['a capacity that is too large', [...ARGUMENTS, '--capacity', '241'], environment(), /1 to 240/],
    ['an origin that is none', [...ARGUMENTS, '--allow-origin', 'null'], environment(), /--allow-origin/],
    ['no state folder', ['--state-dir', '', ...ARGUMENTS.slice(2)], environment(), /--state-dir takes a folder/],
    ['an unknown argument', [...ARGUMENTS, '--colour'], environment(), /--colour/],
    ['one argument too many', [...ARGUMENTS, 'more'], environment(), /too many/],
  ] as const) {
    it(`is refused in a sentence: ${what}`, () => {
      assert.throws(
        () => readSettings(args, { ...env }),
        (error) => error instanceof UsageError && sentence.test(error.message) && error.message.endsWith('.'),
      );
    });
  }
});

describe('a seat made of processes', () => {
  it('sees nothing of the agent’s environment but language, time and programs', () => {
    const source = {
      LANG: 'de_DE.UTF-8',
      LC_TIME: 'C',
      TZ: 'UTC',
      PATH: '/bin',
      AGENT_TOKEN: 'secret',
      HOME: '/root',
      X: '1',
    };
    const seen = seatEnvironment(seatPaths('/s/seats/ws-a/1', '/k'), '/bin/bash', source);
    const names = ['CARAPACE_SEAT', 'HOME', 'LANG', 'LC_TIME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'TZ', 'USER'];
    assert.deepEqual(Object.keys(seen).sort(), names);
    assert.deepEqual([seen['HOME'], seen['CARAPACE_SEAT']], ['/s/seats/ws-a/1/home', '/s/seats/ws-a/1']);
    assert.equal(seatEnvironment(seatPaths('/s', '/k'), '/bin/bash', {})['LANG'], 'C.UTF-8');
  });

  it('takes 128 MiB of half the memory and a thirty-second of a core, up to 240', () => {
    const gib = 1024 ** 3;
    assert.equal(processCapacity(4 * gib, 8), 16);
    assert.equal(processCapacity(64 * gib, 2), 64);
    assert.equal(processCapacity(1024 * gib, 96), 240);
    assert.equal(processCapacity(gib / 8, 1), 1);
  });
});
