import assert from 'node:assert/strict';
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { createTokenVerifier, mayEnter } from '../../../src/agent/token.ts';
import { workshopKey } from '../../../src/protocol/access.ts';

const SECRET = 'workspace-token-secret';
const verify = createTokenVerifier('the-agent-token', SECRET, () => false);

async function sign(claims: JWTPayload, keyOf = 'ws-a', secret = SECRET, algorithm = 'HS256'): Promise<string> {
  const token = new SignJWT(claims).setProtectedHeader({ alg: algorithm });
  return token.sign(await workshopKey(secret, keyOf));
}

function claims(changes: JWTPayload = {}): JWTPayload {
  const exp = Math.floor(Date.now() / 1000) + 60;
  return { workshop_id: 'ws-a', seat: 2, role: 'learner', name: 'Zoë', exp, ...changes };
}

describe('the check of tokens', () => {
  it('knows the agent token, which opens every seat', async () => {
    const caller = await verify('the-agent-token');
    assert.deepEqual(caller, { role: 'instructor', name: undefined, seat: undefined });
    assert.ok(mayEnter(caller, { workshopId: 'ws-b', seatId: 9 }));
    assert.equal(await verify('the-agent-token '), undefined);
  });

  it('knows a seat token, which opens its seat alone', async () => {
    const caller = (await verify(await sign(claims())))!;
    assert.deepEqual(caller, { role: 'learner', name: 'Zoë', seat: { workshopId: 'ws-a', seatId: 2 } });
    assert.ok(mayEnter(caller, { workshopId: 'ws-a', seatId: 2 }));
    assert.ok(!mayEnter(caller, { workshopId: 'ws-a', seatId: 1 }));
    assert.ok(!mayEnter(caller, { workshopId: 'ws-b', seatId: 2 }));
  });

  it('takes a token again, from the remembered key', async () => {
    const token = await sign(claims());
    assert.notEqual(await verify(token), undefined);
    assert.notEqual(await verify(token), undefined);
  });

  for (const [what, make] of [
    ['an expired one', () => sign(claims({ exp: Math.floor(Date.now() / 1000) - 60 }))],
    ['one without an end', () => sign({ workshop_id: 'ws-a', seat: 2, role: 'learner' })],
    ['one signed by the key of another workshop', () => sign(claims(), 'ws-b')],
    ['one signed by another secret', () => sign(claims(), 'ws-a', 'not the secret')],
    ['one by another algorithm', () => sign(claims(), 'ws-a', SECRET, 'HS512')],
    ['an unsigned one', () => Promise.resolve(new UnsecuredJWT(claims()).encode())],
    ['one for a role that is none', () => sign(claims({ role: 'owner' }))],
    ['one for a workshop that cannot be', () => sign(claims({ workshop_id: '../ws-a' }), '../ws-a')],
    ['one without a seat', () => sign({ ...claims(), seat: undefined })],
    ['nonsense', () => Promise.resolve('a.b.c')],
    ['nothing', () => Promise.resolve('')],
  ] as const) {
    it(`refuses ${what}`, async () => assert.equal(await verify(await make()), undefined));
  }

  it('refuses one whose claims were changed', async () => {
    const [header, payload, signature] = (await sign(claims())).split('.') as [string, string, string];
    const changed = Buffer.from(payload, 'base64url').toString().replace('"seat":2', '"seat":1');
    const token = [header, Buffer.from(changed).toString('base64url'), signature].join('.');
    assert.equal(await verify(token), undefined);
  });
});
