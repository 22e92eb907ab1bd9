import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SkyNotInstalledError, TimedOutError, UnavailableError } from '../../../../../src/protocol/errors.ts';
import { Coalesced } from '../../../../../src/provisioning/cluster/sky/coalesced.ts';
import { LoginEnvironment, variablesBetween } from '../../../../../src/provisioning/cluster/sky/environment.ts';
import { createSkyFinder } from '../../../../../src/provisioning/cluster/sky/finder.ts';
import { installCommand } from '../../../../../src/provisioning/cluster/sky/install.ts';
import { run } from '../../../../../src/provisioning/cluster/sky/process.ts';
import { requestBody } from '../../../../../src/provisioning/cluster/sky/request-body.ts';
import { findEndpoint } from '../../../../../src/provisioning/cluster/sky/server.ts';
import { makeHome, until, UNHURRIED, type Home } from './fixtures.ts';

let home: Home;

beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

/** A process that ended and was not collected yet is no longer at work. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a command', () => {
  it('runs in the home folder, without stdin, in this environment and no other', async () => {
    const file = home.command('tell', 'pwd; cat; env | grep -c "^CARAPACE_TEST_MARK" ; echo more >&2; exit 3');
    process.env['CARAPACE_TEST_MARK'] = '1';
    try {
      const lines: string[] = [];
      const ran = await run(file, [], {
        environment: home.environment,
        signal: UNHURRIED,
        deadlineMs: 20_000,
        onLine: (line) => lines.push(line),
      });
      assert.deepEqual(ran, { exitCode: 3, stdout: `${home.folder}\n0\n`, stderr: 'more\n' });
      assert.deepEqual(lines.sort(), [home.folder, '0', 'more'].sort());
    } finally {
      delete process.env['CARAPACE_TEST_MARK'];
    }
  });

  it('is ended with all that it started, and waited for, on abort', async () => {
    const file = home.command(
      'hang',
      'trap "" TERM\nsleep 600 &\necho $! >> "$HOME/said"\necho $$ >> "$HOME/said"\nwait\nwait',
    );
    const abort = new AbortController();
    const running = run(file, [], { environment: home.environment, signal: abort.signal, deadlineMs: 60_000 });
    await until(() => home.said().length === 2);
    const pids = home.said().map(Number);
    const reason = new Error('enough');
    abort.abort(reason);
    await assert.rejects(running, reason);
    assert.deepEqual(pids.filter(isAlive), []);
  });

  it('has a deadline', async () => {
    const file = home.command('hang', 'exec sleep 600');
    await assert.rejects(
      run(file, ['a'], { environment: home.environment, signal: UNHURRIED, deadlineMs: 100 }),
      (error) => error instanceof TimedOutError && error.message === '"hang a" did not end within 0.1 s.',
    );
  });

  it('is over when it has ended, though something that it left holds its output', async () => {
    const file = home.command('leave', 'setsid sleep 600 & echo $! >> "$HOME/said"; echo done');
    const ran = await run(file, [], { environment: home.environment, signal: UNHURRIED, deadlineMs: 60_000 });
    assert.deepEqual([ran.exitCode, ran.stdout], [0, 'done\n']);
    process.kill(Number(home.said()[0]), 'SIGKILL');
  });

  it('that is not there is an error of ours', async () => {
    const path = join(home.folder, 'nothing');
    await assert.rejects(
      run(path, [], { environment: home.environment, signal: UNHURRIED, deadlineMs: 1_000 }),
      UnavailableError,
    );
  });
});

describe('the environment of the login shell', () => {
  const resolve = (shell: string, warnings: string[], extra = {}) =>
    new LoginEnvironment({
      base: { ...home.environment, SHELL: shell, ELECTRON_RUN_AS_NODE: '1', VSCODE_PID: '7', ...extra },
      warn: (message) => warnings.push(message),
    }).resolve(UNHURRIED);

  it('is what its start-up files make of it, without what the editor put there', async () => {
    writeFileSync(
      join(home.folder, '.bash_profile'),
      'echo "Welcome, PATH=/evil"\nexport AWS_PROFILE="school\nof art" VSCODE_X=1\n',
    );
    const warnings: string[] = [];
    const found = await resolve('/bin/bash', warnings);
    assert.deepEqual(warnings, []);
    assert.equal(found['AWS_PROFILE'], 'school\nof art');
    assert.equal(found['HOME'], home.folder);
    assert.deepEqual(
      Object.keys(found).filter((name) => /^(VSCODE|ELECTRON|SHLVL$|_$|PWD$)/.test(name)),
      [],
    );
  });

  it("is this process's own, with a warning, where the shell does not answer", async () => {
    const warnings: string[] = [];
    const found = await resolve(home.command('broken-shell', 'exit 1'), warnings, { MARK: '1' });
    assert.equal(found['MARK'], '1');
    assert.equal(found['VSCODE_PID'], undefined);
    assert.match(warnings[0] ?? '', /^The login shell .*broken-shell did not tell its environment/);
    assert.equal((await resolve('/no/such/shell', warnings, { MARK: '2' }))['MARK'], '2');
    assert.equal(warnings.length, 2);
  });

  it('is read between marks', () => {
    assert.deepEqual(variablesBetween('hi\nmark\nPATH=/bin\0A=b=c\nd\0\0=x\0mark\nA=z\0', 'mark'), {
      PATH: '/bin',
      A: 'b=c\nd',
    });
    assert.throws(() => variablesBetween('nothing', 'mark'));
  });
});

describe('shared work', () => {
  it('is done once for those who come together, and anew later', async () => {
    let times = 0;
    const shared = new Coalesced<number>({ keepMs: 0 });
    const work = async (): Promise<number> => {
      times += 1;
      await sleep(1);
      return times;
    };
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => shared.run('a', UNHURRIED, work))), [1, 1, 1]);
    assert.equal(await shared.run('a', UNHURRIED, work), 2);
    assert.equal(await shared.run('b', UNHURRIED, work), 3);
  });

  it('goes on until the last one has given up, and is then waited for', async () => {
    const shared = new Coalesced<number>({ keepMs: 60_000 });
    let ended = false;
    const work = async (signal: AbortSignal): Promise<number> => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await sleep(5);
      ended = true;
      throw signal.reason;
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const one = shared.run('a', first.signal, work);
    const two = shared.run('a', second.signal, work);
    first.abort(new Error('one'));
    await assert.rejects(one, /one/);
    assert.equal(ended, false);
    second.abort(new Error('two'));
    await assert.rejects(two, /two/);
    assert.equal(ended, true);
    assert.equal(await shared.run('a', UNHURRIED, () => Promise.resolve(7)), 7);
  });

  it('that failed is done again', async () => {
    const shared = new Coalesced<number>({ keepMs: 60_000 });
    await assert.rejects(
      shared.run('a', UNHURRIED, () => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.equal(await shared.run('a', UNHURRIED, () => Promise.resolve(1)), 1);
    assert.equal(await shared.run('a', UNHURRIED, () => Promise.resolve(2)), 1);
  });
});

describe('finding SkyPilot', () => {
  const find = (skyPath?: string) =>
    createSkyFinder({ environmentOf: () => Promise.resolve(home.environment) }).find(skyPath, UNHURRIED);
  const version = (text: string): string => `echo x >> "$HOME/said"; echo "skypilot, version ${text}"`;

  it('takes the command on the PATH, or the one that was set', async () => {
    const onPath = home.command('sky', version('0.14.1'));
    const other = home.command('other', version('0.12.0'));
    const found = await find();
    assert.deepEqual([found.command, found.version, found.environment['HOME']], [onPath, '0.14.1', home.folder]);
    assert.equal((await find(other)).version, '0.12.0');
  });

  it('asks for the version once, until the command is another', async () => {
    const finder = createSkyFinder({ environmentOf: () => Promise.resolve(home.environment) });
    home.command('sky', version('0.13.0'));
    await Promise.all([finder.find(undefined, UNHURRIED), finder.find(undefined, UNHURRIED)]);
    await finder.find(undefined, UNHURRIED);
    assert.equal(home.said().length, 1);
    home.command('sky', version('0.14.1 '));
    assert.equal((await finder.find(undefined, UNHURRIED)).version, '0.14.1');
  });

  it('says how to install it where it is missing, too old, or something else', async () => {
    const refused = async (skyPath: string | undefined, message: RegExp): Promise<void> => {
      await assert.rejects(find(skyPath), (error) => {
        assert.ok(error instanceof SkyNotInstalledError);
        assert.match(error.message, message);
        assert.match(String(error.details?.['install_command']), /skypilot\[aws\]>=0\.12\.0/);
        return true;
      });
    };
    await refused(undefined, /^SkyPilot not installed: no "sky" is on the PATH of your shell\. Install it by: /);
    await refused('/no/such/sky', /^SkyPilot not installed: there is no command at \/no\/such\/sky\./);
    home.command('sky', version('0.11.3'));
    await refused(undefined, /^SkyPilot 0\.11\.3 is too old: 0\.12\.0 or later is needed/);
    await refused(home.command('sky', 'echo "a planetarium"'), /^SkyPilot not installed: .* does not tell/);
    await refused(home.command('sky', 'exit 1'), /^SkyPilot not installed/);
    const path = home.command('sky', '');
    writeFileSync(path, '#!/no/such/python\n');
    await refused(undefined, /^SkyPilot not installed: .* cannot be run/);
  });

  it('installs it by uv, pipx or pip, for the clouds in use', async () => {
    const { environment } = home;
    const only = { ...environment, PATH: join(home.folder, 'bin') };
    assert.equal(await installCommand(only), 'python -m pip install --user --upgrade "skypilot[aws]>=0.12.0"');
    home.command('python3', '');
    assert.equal(await installCommand(only), 'python3 -m pip install --user --upgrade "skypilot[aws]>=0.12.0"');
    home.command('pipx', '');
    mkdirSync(join(home.folder, '.config', 'gcloud'), { recursive: true });
    mkdirSync(join(home.folder, '.azure'));
    assert.equal(await installCommand(only), 'pipx install --force "skypilot[gcp,azure]>=0.12.0"');
    home.command('uv', '');
    assert.equal(await installCommand(only), 'uv tool install --with pip "skypilot[gcp,azure]>=0.12.0"');
  });
});

describe("SkyPilot's API server", () => {
  it('is where the environment says, or the configuration, or on this machine', async () => {
    const { environment } = home;
    assert.deepEqual(await findEndpoint(environment), {
      url: 'http://127.0.0.1:46580',
      authorization: undefined,
      isLocal: true,
    });
    mkdirSync(join(home.folder, '.sky'));
    writeFileSync(
      join(home.folder, '.sky', 'config.yaml'),
      'api_server:\n  endpoint: https://sky.school.example/\n  service_account_token: sky_abc\n',
    );
    assert.deepEqual(await findEndpoint(environment), {
      url: 'https://sky.school.example',
      authorization: 'Bearer sky_abc',
      isLocal: false,
    });
    writeFileSync(join(home.folder, '.sky', 'config.yaml'), '[');
    const SKYPILOT_API_SERVER_ENDPOINT = 'http://me:p%40ss@host:8080/sky/';
    assert.deepEqual(await findEndpoint({ ...environment, SKYPILOT_API_SERVER_ENDPOINT }), {
      url: 'http://host:8080/sky',
      authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
      isLocal: false,
    });
    await assert.rejects(findEndpoint({ SKYPILOT_API_SERVER_ENDPOINT: 'nonsense' }), /not a URL/);
  });

  it('is told of the user and of the variables that the command line passes on', () => {
    const environment = {
      AWS_PROFILE: 'school',
      HOME: '/home/teacher',
      USER: 'teacher',
      SKYPILOT_DEBUG: '1',
      SKYPILOT_SERVICE_ACCOUNT_TOKEN: 'sky_secret',
    };
    const local = { url: '', authorization: undefined, isLocal: true };
    assert.deepEqual(requestBody(environment, local, '0badcafe')['env_vars'], {
      AWS_PROFILE: 'school',
      SKYPILOT_DEBUG: '1',
      SKYPILOT_USER_ID: '0badcafe',
      SKYPILOT_USER: 'teacher',
    });
    assert.deepEqual(requestBody(environment, { ...local, isLocal: false }, '0badcafe')['env_vars'], {
      SKYPILOT_DEBUG: '1',
      SKYPILOT_USER_ID: '0badcafe',
      SKYPILOT_USER: 'teacher',
    });
    assert.equal(requestBody(environment, local, undefined)['env_vars'], undefined);
  });
});
