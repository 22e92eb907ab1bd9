import assert from 'node:assert/strict';
import { SignJWT } from 'jose';
import { workshopKey } from '../../../src/protocol/access.ts';
import { NotFoundError, SlowDownError } from '../../../src/protocol/errors.ts';
import { LOOPBACK_ONLY } from '../../../src/provisioning/exposure.ts';
import { FAILURES, TokenLimiter } from '../../../src/provisioning/failure-limiter.ts';
import { relayTarget, type RelayTarget } from '../../../src/provisioning/http/relay-target.ts';
import { localWorkerName } from '../../../src/provisioning/workers/local/worker-names.ts';
import { addWorkshop, openStore, type TestStore } from './fixtures.ts';

describe('what the relay takes for somebody who tries tokens', () => {
  let test: TestStore;
  let limiter: TokenLimiter;
  beforeEach(() => {
    test = openStore();
    limiter = new TokenLimiter();
  });
  afterEach(() => test.dispose());

  const ask = (workshopId: string, seat: number, token: string, limited = true): Promise<RelayTarget> => {
    const relay = { controlPlane: { store: test.store, exposure: LOOPBACK_ONLY }, ...(limited && { limiter }) };
    return relayTarget(relay, `/proxy/${workshopId}/${seat}/files`, token, '192.0.2.1');
  };
  const secret = (): string => test.store.secrets.ensure(`worker/${localWorkerName('process')}/workspace-token-secret`);

  it('is no class whose tokens have ended over night: the agent tells them so, and they get new ones', async () => {
    const { id } = addWorkshop(test, { seats: 1 });
    const claims = new SignJWT({ workshop_id: id, seat: 1, role: 'learner' }).setProtectedHeader({ alg: 'HS256' });
    const ended = await claims.setExpirationTime(1_000_000_000).sign(await workshopKey(secret(), id));
    for (let n = 0; n < FAILURES.limit + 5; n += 1) await ask(id, 1, ended);
  });

  it('is no class whose workshop was stopped', async () => {
    const { id } = addWorkshop(test, { seats: 1, status: 'stopped' }, { worker: null, status: 'stopped' });
    for (let n = 0; n < FAILURES.limit + 5; n += 1) await assert.rejects(ask(id, 1, 'of-before'), NotFoundError);
  });

  it('is who comes with others', async () => {
    const { id } = addWorkshop(test, { seats: 1 });
    secret();
    for (let n = 0; n < FAILURES.limit; n += 1) await ask(id, 1, 'guess');
    await assert.rejects(ask(id, 1, 'guess'), SlowDownError);
  });

  it('is nobody on a server of this machine alone, where a class has one address', async () => {
    const { id } = addWorkshop(test, { seats: 1 });
    secret();
    for (let n = 0; n < FAILURES.limit + 5; n += 1) await ask(id, 1, 'of-another-store', false);
  });
});
