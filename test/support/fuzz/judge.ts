/** What an answer to a fuzzed request may be. */
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { ERROR_STATUS, errorBodySchema } from '../../../src/protocol/errors.ts';

/** What must never come out of a workspace: the content of a file beside it, and the name of another that no request has. */
export const CANARY = { name: 'canary.txt', content: 'the canary sings 5f0c1d9e', hidden: 'hidden-b7f3.txt' } as const;

export interface Answer {
  readonly method: string;
  readonly status: number;
  readonly type: string;
  readonly requestId: string | undefined;
  readonly body: Buffer;
}

/** 503 and 507 say what is out of order; anything else from 500 up is a defect. */
const ALLOWED_ABOVE = new Set([503, 507]);

/** How many answers of each status there were. */
export class Judge {
  readonly statuses = new Map<number, number>();
  /** Connections that ended without an answer: allowed for what is no HTTP. */
  unanswered = 0;

  judge(answer: Answer, what: string): void {
    const { status } = answer;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    assert.ok(status < 500 || ALLOWED_ABOVE.has(status), `${what}: status ${status}: ${shown(answer)}`);
    if (status >= 400) requireTyped(answer, what);
    else requireContained(answer, what);
  }

  get summary(): string {
    const counts = [...this.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}×${count}`);
    return `${counts.join(' ')}${this.unanswered > 0 ? ` unanswered×${this.unanswered}` : ''}`;
  }
}

function shown({ body }: Answer): string {
  return body.toString('utf8', 0, 300);
}

function requireTyped(answer: Answer, what: string): void {
  if (answer.method === 'HEAD') return;
  assert.match(answer.type, /^application\/json/, `${what}: ${answer.status} as ${answer.type}: ${shown(answer)}`);
  const { error } = errorBodySchema.parse(JSON.parse(answer.body.toString('utf8')));
  assert.ok(error.code in ERROR_STATUS && error.message !== '', what);
  assert.ok(error.request_id !== undefined, `${what}: no request id`);
  assert.equal(answer.requestId ?? error.request_id, error.request_id, what);
}

function requireContained(answer: Answer, what: string): void {
  assert.ok(answer.status !== 101 && (answer.status < 300 || answer.status === 304), `${what}: ${answer.status}`);
  const isPacked = answer.type.startsWith('application/gzip') && answer.body.length > 0;
  const body = isPacked ? gunzipSync(answer.body) : answer.body;
  const encoded = Buffer.from(CANARY.content).toString('base64').slice(0, 24);
  for (const secret of [CANARY.content, encoded, CANARY.hidden]) {
    assert.ok(!body.includes(secret), `${what}: it tells what is outside: ${shown(answer)}`);
  }
}
