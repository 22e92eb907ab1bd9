import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { errorBodySchema } from '../../../src/protocol/errors.ts';
import { run } from './run.ts';

describe('arguments of the command line', () => {
  let home = '';
  before(async () => (home = await mkdtemp(join(tmpdir(), 'carapace-cli-'))));
  after(() => rm(home, { recursive: true }));

  /** Each is wrong before anything is asked: exit 2, a sentence, and nothing started. */
  const WRONG: [string, string[], RegExp][] = [
    ['no command', [], /Usage: carapace/],
    ['an unknown command', ['frobnicate'], /unknown command 'frobnicate'/],
    ['a command of a later version', ['image'], /unknown command 'image'/],
    ['half a command', ['workshop'], /Usage: carapace workshop/],
    ['an unknown option', ['workshop', 'list', '--colour'], /unknown option '--colour'/],
    ['a missing option', ['workshop', 'create', 'Intro'], /--seats/],
    ['no seats', ['workshop', 'create', 'Intro', '--seats', '0'], /"seats".*from 1/],
    ['too many seats', ['workshop', 'create', 'Intro', '--seats', '501'], /"seats".*from 1 to 500/],
    ['seats that are no number', ['workshop', 'create', 'Intro', '--seats', 'x'], /"seats".*whole number/],
    ['half a seat', ['workshop', 'create', 'Intro', '--seats', '1.5'], /"seats".*whole number/],
    ['an empty number of seats', ['workshop', 'create', 'Intro', '--seats', ''], /"seats".*whole number/],
    ['a name of 65 characters', ['workshop', 'create', 'x'.repeat(65), '--seats', '1'], /"name".*at most 64/],
    ['an empty name', ['workshop', 'create', ' ', '--seats', '1'], /"name".*at least 1/],
    ['a name with a control character', ['workshop', 'create', 'a\u001bb', '--seats', '1'], /"name".*control/],
    ['an unknown runtime', ['workshop', 'create', 'I', '--seats', '1', '--runtime', 'docker'], /"runtime"/],
    ['too short a life', ['workshop', 'create', 'I', '--seats', '1', '--expires-in', '1'], /"expires_in_minutes"/],
    ['a life that is no number', ['workshop', 'extend', 'I', 'soon'], /whole number of minutes/],
    ['one argument too many', ['workshop', 'create', 'In', 'tro', '--seats', '1'], /too many arguments/],
    ['a deletion that nobody confirms', ['workshop', 'delete', 'Intro'], /--yes/],
    ['a server with a capital letter', ['cluster', 'launch', '--name', 'Node'], /"name".*lowercase/],
    ['a server whose cores are no number', ['cluster', 'launch', '--cpus', 'four'], /"cpus".*4\+/],
    ['too small a disk', ['cluster', 'launch', '--disk-size', '9'], /"disk_size"/],
    ['a region that is none', ['cluster', 'launch', '--region', 'us east'], /"region"/],
    ['an autostop of a part of a minute', ['cluster', 'launch', '--autostop', '0.5'], /"autostop_minutes"/],
    ['too long an autostop', ['cluster', 'autostop', '10081'], /"minutes"/],
    ['a server that nobody confirms to destroy', ['cluster', 'destroy'], /--yes/],
    [
      'to keep and to discard',
      ['cluster', 'stop', '--keep-server-changes', '--discard-server-changes'],
      /cannot be used/,
    ],
    ['an unknown scenario', ['qa', '--scenario', 'lunch'], /no scenario "lunch".*missing-skypilot, /],
    ['a billed scenario that nobody confirms', ['qa', '--scenario', 'launch'], /--yes/],
    ['a seat that is no number', ['seat', 'exec', 'Intro', 'one', '--', 'ls'], /"one" is not valid for seat/],
    ['seat 0', ['seat', 'terminal', 'Intro', '0'], /"0" is not valid for seat/],
    ['no command to run', ['seat', 'exec', 'Intro', '1'], /missing required argument 'command'/],
    ['a time limit of nothing', ['seat', 'exec', 'I', '1', '--timeout', '0', '--', 'ls'], /from 1 to 600/],
    ['a copy from here to here', ['seat', 'cp', 'Intro', '1', 'a', 'b'], /Exactly one/],
    ['a copy from a seat to a seat', ['seat', 'cp', 'Intro', '1', ':a', ':b'], /Exactly one/],
    ['a link that is none', ['join', 'https://example.org/'], /no join link/],
    ['a link without its code', ['join', 'https://example.org/join'], /no join link/],
    ['a link of another kind', ['join', 'ftp://example.org/join#ABCD2345'], /no join link/],
    [
      'a link that leads elsewhere without encryption',
      ['join', 'http://example.org/join#ABCD2345'],
      /without encryption.*https/,
    ],
    [
      'a fingerprint for a server without encryption',
      ['join', 'http://127.0.0.1:9/join#ABCD2345', '--fingerprint', 'ab'.repeat(32)],
      /has no certificate of its own to compare/,
    ],
    [
      'a fingerprint for a code alone',
      ['join', 'ABCD-2345', '--fingerprint', 'ab'.repeat(32)],
      /shows no certificate to compare/,
    ],
    ['a learner of 65 characters', ['join', 'ABCD-2345', '--name', 'x'.repeat(65)], /"name".*at most 64/],
    ['a port that is none', ['serve', '--port', '65536'], /from 0 to 65535/],
    ['lines that are none', ['logs', '--lines', 'many'], /lines/],
    ['an address that is none', ['workshop', 'list', '--server', 'localhost'], /not the address of a server/],
    ['another machine without TLS', ['workshop', 'list', '--server', 'http://192.0.2.1'], /without encryption.*https/],
    ['its status without TLS', ['status', '--server', 'http://192.0.2.1'], /without encryption.*https/],
  ];

  for (const [what, words, message] of WRONG) {
    it(`refuses ${what}`, async () => {
      const { code, stdout, stderr } = await run(words, { CARAPACE_HOME: home });
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.deepEqual(await readdir(home), []);
    });
  }

  it('tells an error as JSON where JSON was asked for', async () => {
    const wrong = [
      ['workshop', 'create', 'Intro', '--seats', '0', '--json'],
      ['workshop', 'list', '--json', '--colour'],
      ['workshop', 'delete', 'Intro', '--json'],
    ];
    for (const words of wrong) {
      const { code, stdout, stderr } = await run(words, { CARAPACE_HOME: home });
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.equal(errorBodySchema.parse(JSON.parse(stderr)).error.code, 'INVALID_INPUT');
    }
    assert.deepEqual(await readdir(home), []);
  });

  it('does not take --json of a command in a seat for its own', async () => {
    const { stderr } = await run(['seat', 'exec', 'Intro', 'one', '--', 'ls', '--json'], { CARAPACE_HOME: home });
    assert.match(stderr, /^carapace: /);
  });

  it('explains itself', async () => {
    const help = await run(['--help']);
    assert.equal(help.code, 0);
    for (const command of ['serve', 'status', 'cluster', 'qa', 'workshop', 'join', 'seat', 'logs', 'agent']) {
      assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
    }
    assert.match(help.stdout, /Exit codes: 0 done/);
    assert.match((await run(['seat', 'terminal', '--help'])).stdout, /Enter ~ \./);
    const more = await run(['help', 'workshop']);
    assert.deepEqual([more.code, more.stdout.startsWith('Usage: carapace workshop ')], [0, true]);
    // A list of commands is for eyes that look for one: what is long is told by the command itself.
    for (const group of [[], ['workshop'], ['seat'], ['cluster']]) {
      const list = (await run([...group, '--help'])).stdout.split('Commands:')[1] ?? '';
      for (const line of list.split('\n')) assert.ok(line.length <= 120, line);
    }
    assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+/);
  });
});
