import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  CarapaceError,
  ChangedError,
  ERROR_STATUS,
  errorFromAnswer,
  errorFromInfo,
  type ErrorCode,
  infoFromError,
  InvalidInputError,
  parseInput,
} from '../../../src/protocol/errors.ts';
import { createWorkshopSchema } from '../../../src/protocol/workshop.ts';

describe('errors', () => {
  it('has a class for every code, which comes back over the wire as itself', () => {
    for (const code of Object.keys(ERROR_STATUS) as ErrorCode[]) {
      const error = errorFromInfo({ code, message: 'why', details: { a: 1 }, request_id: 'r1' });
      assert.equal(error.code, code);
      assert.equal(error.status, ERROR_STATUS[code]);
      const told = infoFromError(error, 'r2');
      assert.deepEqual(told, { code, message: 'why', details: { a: 1 }, request_id: 'r2' });
    }
  });

  it('tells nothing of the inside of a foreign error', () => {
    const told = infoFromError(new Error('secret at /home/x'));
    assert.equal(told.code, 'INTERNAL');
    assert.doesNotMatch(told.message, /secret|home/);
  });

  it('understands the answers of ClaraTeach agents and of strangers', () => {
    assert.equal(errorFromAnswer(404, { error: 'no such VM', code: 'VM_NOT_FOUND' }).message, 'no such VM');
    assert.ok(errorFromAnswer(412, '<html>') instanceof ChangedError);
    assert.equal(errorFromAnswer(502, undefined).code, 'INTERNAL');
    assert.equal(errorFromAnswer(418, null).code, 'INVALID_INPUT');
  });

  it('names the field that was refused', () => {
    const bad: [unknown, string][] = [
      [{ seats: 0 }, 'seats'],
      [{ seats: 501 }, 'seats'],
      [{ seats: 'x' }, 'seats'],
      [{ seats: 1.5 }, 'seats'],
      [{ seats: 1, name: 'x'.repeat(65) }, 'name'],
      [{ seats: 1, name: '   ' }, 'name'],
      [{ seats: 1, name: 'a\nb' }, 'name'],
      [{ seats: 1, expires_in_minutes: -1 }, 'expires_in_minutes'],
      [{}, 'seats'],
    ];
    for (const [input, path] of bad) {
      assert.throws(
        () => parseInput(createWorkshopSchema, input),
        (error) => error instanceof InvalidInputError && error.details?.['path'] === path,
        JSON.stringify(input),
      );
    }
    assert.throws(() => parseInput(createWorkshopSchema, { seats: 1, color: 'red' }), /color/);
    assert.throws(() => parseInput(createWorkshopSchema, [1]), CarapaceError);
  });

  it('accepts what the contract allows', () => {
    assert.deepEqual(parseInput(createWorkshopSchema, { name: '  Intro  ', seats: 500 }), {
      name: 'Intro',
      seats: 500,
    });
  });
});
