import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Revocations } from '../../../src/agent/seats/revocations.ts';
import { createTokenVerifier } from '../../../src/agent/token.ts';
import { workshopKey } from '../../../src/protocol/access.ts';

const SEAT = { workshopId: 'ws-a', seatId: 3 };
const OTHER = { workshopId: 'ws-a', seatId: 4 };

describe('what an agent remembers of seats that were taken from learners', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-revocations-'));
    path = join(folder, 'revocations.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('outlives the agent, never goes back, and goes with the seat', async () => {
    const first = await Revocations.open(path);
    assert.equal(first.isRevoked(SEAT, 0), false);
    await Promise.all([first.revoke(SEAT, 2), first.revoke(OTHER, 1), first.revoke(SEAT, 1)]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const second = await Revocations.open(path);
    for (const revocations of [first, second]) {
      assert.deepEqual(
        [0, 1, 2, 3].map((generation) => revocations.isRevoked(SEAT, generation)),
        [true, true, false, false],
      );
      assert.equal(revocations.isRevoked(OTHER, 0), true);
    }
    await second.forget(SEAT);
    assert.equal((await Revocations.open(path)).isRevoked(SEAT, 0), false);
    assert.equal((await Revocations.open(path)).isRevoked(OTHER, 0), true);
    await second.forget(OTHER);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('counts only what is on the disk, and goes on after a failure', async function () {
    const revocations = await Revocations.open(join(folder, 'gone', 'revocations.json'));
    await assert.rejects(revocations.revoke(SEAT, 1), /ENOENT/);
    assert.equal(revocations.isRevoked(SEAT, 0), false);
    assert.ok(!existsSync(join(folder, 'gone')));
  });

  it('lets nobody in by a file that cannot be read as it was written', async () => {
    for (const text of ['', '{', '[]', '{"ws-a/3":"2"}']) {
      writeFileSync(path, text);
      await assert.rejects(Revocations.open(path), /is damaged/, text);
    }
    chmodSync(path, 0o600);
  });

  it('keeps out learners of an earlier generation, and no teacher', async () => {
    const revocations = await Revocations.open(path);
    const verify = createTokenVerifier('the-agent-token', 'secret', (seat, of) => revocations.isRevoked(seat, of));
    const key = await workshopKey('secret', 'ws-a');
    const token = (claims: Record<string, unknown>): Promise<string> =>
      new SignJWT({ workshop_id: 'ws-a', seat: 3, role: 'learner', ...claims })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1h')
        .sign(key);
    const [old, next, teachers] = await Promise.all([
      token({}),
      token({ generation: 1 }),
      token({ role: 'instructor' }),
    ]);
    assert.notEqual(await verify(old), undefined);
    await revocations.revoke(SEAT, 1);
    assert.equal(await verify(old), undefined);
    assert.equal((await verify(next))?.role, 'learner');
    assert.equal((await verify(teachers))?.role, 'instructor');
    assert.notEqual(await verify(await token({ seat: 4 })), undefined);
  });
});
