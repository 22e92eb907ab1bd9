/**
 * A worker under systemd: the installer, the agent's unit and the limits, in a Debian 12 that is booted under emulation, since
 * this needs systemd as the first process and cgroup v2. It is booted once; each test looks at what the program inside found.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LimitFacts } from './systemd/facts.ts';
import { runGuest, type Guest } from './systemd/guest.ts';

const MIB = 1024 * 1024;

const system = process.env['CARAPACE_SYSTEMD_GUEST'] ?? '';

describe('a worker under systemd', () => {
  let folder: string;
  let guest: Guest;

  before(async function () {
    this.timeout(12 * 60_000);
    assert.notEqual(system, '', 'CARAPACE_SYSTEMD_GUEST names no folder: see ensure_systemd_guest in bin/lib.sh');
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'carapace-systemd-')));
    mkdirSync(join(folder, 'input'));
    const began = performance.now();
    guest = await runGuest(system, folder);
    console.log(`      the guest ran for ${((performance.now() - began) / 1000).toFixed(0)} s`);
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('ran to the end, on systemd 252', () => {
    assert.equal(guest.fact('end'), true);
    assert.match(guest.fact('systemd'), /^systemd 252 /);
  });

  for (const name of ['systemdLimits', 'cgroupLimits'] as const) {
    describe(name === 'systemdLimits' ? 'limits by systemd' : 'limits by cgroup v2 alone', () => {
      let facts: LimitFacts;
      before(() => (facts = guest.fact(name)));

      it('is what the machine is found to have', () => {
        assert.equal(facts.kind, name === 'systemdLimits' ? 'systemd' : 'cgroup2');
        assert.equal(facts.missing, null);
      });

      it('starts a program in its group, under its own number', () => {
        const group =
          name === 'systemdLimits'
            ? 'clarateach.slice/clarateach-seats.slice/clarateach-seat-tests-test-kept.scope'
            : 'system.slice/played.scope/clarateach/tests/test-kept';
        assert.equal(facts.found, `${facts.started} 0::/${group}`);
      });

      it('ends a program that takes too much memory, and counts it', () => {
        assert.ok(facts.memory['oom_kills']! >= 1, JSON.stringify(facts.memory));
        assert.ok(facts.memory['memory_peak_bytes']! <= 32 * MIB);
        assert.ok(facts.memory['memory_peak_bytes']! > 24 * MIB, 'the hog had not reached the bound');
      });

      it('stops a fork bomb, and counts it', () => {
        assert.ok(facts.processes['refused_forks']! >= 1, JSON.stringify(facts.processes));
        assert.ok(facts.processes['processes']! <= 20);
      });

      it('slows a busy loop down, and counts it', () => {
        assert.ok(facts.cpu['throttled_periods']! >= 1, JSON.stringify(facts.cpu));
        assert.ok(facts.cpu['throttled_usec']! > 0);
        // It may have a fifth of a processor; without the bound it would have all of one.
        assert.ok(facts.cpu['cpu_usec']! < 0.4 * facts.cpuElapsedUsec, JSON.stringify(facts));
      });

      it('removes groups with all that runs in them, and reaps those that nobody knows', () => {
        const named = (names: readonly string[]): string[] =>
          names.map((one) => /test-[a-z]+/.exec(one)?.[0] ?? one).sort();
        assert.deepEqual(named(facts.groups.removed), ['test-cpu', 'test-kept']);
        assert.deepEqual(named(facts.groups.reaped), ['test-kept']);
        assert.equal(facts.keptRuns, true);
        assert.deepEqual(facts.groups.end, []);
        assert.deepEqual(facts.leftRuns, []);
      });
    });
  }

  describe('the installer', () => {
    it('says what is missing, and changes nothing', () => {
      const { withoutImages, withBadImages, touched } = guest.fact('install');
      assert.equal(withoutImages.code, 1);
      assert.match(withoutImages.output, /lacks:\n {2}- the images of seats: give a folder .* by --images/);
      assert.equal(withBadImages.code, 1);
      assert.match(withBadImages.output, /rootfs is not the file that manifest\.json names/);
      const { withoutKvm, withBadFirecracker } = guest.fact('install');
      assert.equal(withoutKvm.code, 1);
      assert.match(withoutKvm.output, /lacks:\n {2}- KVM \(\/dev\/kvm\), for Firecracker/);
      assert.equal(withBadFirecracker.code, 1);
      assert.match(withBadFirecracker.output, /\/root\/images\/kernel is not Firecracker v1\.17\.0: its checksum/);
      assert.equal(touched, false);
    });

    it('makes a worker, and the second time changes nothing', () => {
      const { first, second, enabled } = guest.fact('install');
      assert.equal(first.code, 0, first.output);
      assert.match(first.output, /Installing the agent.*This machine is a worker for qemu/s);
      assert.equal(second.code, 0, second.output);
      assert.doesNotMatch(second.output, /Installing|Copying|Turning/);
      assert.equal(enabled, 'enabled');
    });

    it('turns swap and the merging of pages off', () => {
      const { swapBefore, swapAfter, ksm } = guest.fact('install');
      assert.match(swapBefore, /^\/dev\/vd/);
      assert.equal(swapAfter, '');
      assert.equal(ksm, '0');
    });

    it('installs a unit that systemd has nothing against and understands as it is meant', () => {
      const { verify, properties } = guest.fact('install');
      assert.deepEqual(verify, { code: 0, output: '' });
      const { Environment, ...others } = properties;
      assert.match(Environment!, /IMAGES_DIR=\/var\/lib\/clarateach\/images SOCKET_DIR=\/run\/clarateach/);
      assert.deepEqual(others, {
        Type: 'exec',
        Restart: 'always',
        RestartUSec: '5s',
        KillMode: 'process',
        OOMPolicy: 'continue',
        RuntimeDirectoryPreserve: 'yes',
        RuntimeDirectoryMode: '0700',
        Delegate: 'no',
        PrivateTmp: 'no',
        PrivateDevices: 'no',
        PrivateMounts: 'no',
        ProtectSystem: 'no',
        ProtectHome: 'no',
        MemoryDenyWriteExecute: 'no',
        NoNewPrivileges: 'yes',
      });
    });
  });

  describe('the unit', () => {
    it('refuses to start without a token, and says why', () => {
      const { unreachable, unreachableLog, refused, refusedLog, fileBefore } = guest.fact('token');
      assert.notEqual(unreachable.code, 0);
      assert.match(
        unreachableLog,
        /The metadata server at http:\/\/169\.254\.169\.254\S+ does not answer \(curl: .+\)/,
      );
      assert.notEqual(refused.code, 0);
      assert.match(refusedLog, /This VM has no metadata attribute "agent-token"/);
      assert.equal(fileBefore, false);
    });

    it('starts the agent by itself once there is one, which only root can read', () => {
      const { health, file, infoWithToken, infoWithoutToken } = guest.fact('token');
      assert.equal((JSON.parse(health) as { runtime: string }).runtime, 'process');
      const lines = [
        'AGENT_TOKEN=the-token-of-the-agent',
        'WORKSPACE_TOKEN_SECRET=a-secret/of+the=workshops',
        'WORKSHOP_ID=ws-test',
      ];
      assert.equal(file, `0 600\n${lines.join('\n')}\n`);
      assert.equal(infoWithToken, 200);
      assert.equal(infoWithoutToken, 401);
    });

    it('refuses again, and forgets the token, when the VM has none any more', () => {
      const { refusedAgain, fileAfter } = guest.fact('token');
      assert.notEqual(refusedAgain.code, 0);
      assert.equal(fileAfter, false);
    });

    it('is started again after kill -9, without the metadata server; seats and their sockets live on', () => {
      const facts = guest.fact('restart');
      console.log(`      started again after ${facts.restartedAfterMs} ms, answered after ${facts.healthAfterMs} ms`);
      assert.notEqual(facts.restarted, facts.killed);
      assert.deepEqual([facts.scopeAfterKill, facts.childAfterKill, facts.socketsAfterKill], [true, true, true]);
    });

    it('leaves seats and sockets alone when it is stopped', () => {
      const facts = guest.fact('restart');
      assert.equal(facts.stopped, 'inactive');
      assert.deepEqual([facts.scopeAfterStop, facts.childAfterStop, facts.socketsAfterStop], [true, true, true]);
    });

    it('is hardened, and can still make seats', () => {
      const { sameMounts, status, work, exposure } = guest.fact('hardening');
      console.log(`      ${exposure.trim()}`);
      assert.equal(sameMounts, true);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      assert.match(status, /^Seccomp:\t2$/m);
      const works = 'namespace tap veth bridge enslave firewall nat enter disk forwarding scope qemu'.split(' ');
      assert.equal(work, works.map((name) => `works: ${name}\n`).join(''));
    });
  });
});
