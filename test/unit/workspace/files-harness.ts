/** Calls of the file API, for the tests of its parts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { errorBodySchema, type ErrorInfo } from '../../../src/protocol/errors.ts';
import { ask, startWorkspace, type Answer, type TestWorkspace } from './support.ts';

type AskOptions = Parameters<typeof ask>[3];

/** A workspace server and short words for what the tests ask of it. */
export class FilesHarness {
  workspace!: TestWorkspace;

  /** Starts a workspace before each test of the suite, and stops it after. */
  constructor() {
    beforeEach(async () => {
      this.workspace = await startWorkspace();
    });
    afterEach(() => this.workspace.stop());
  }

  /** A path on the disk. */
  inRoot(...names: string[]): string {
    return join(this.workspace.root, ...names);
  }

  call(method: string, path: string, options?: AskOptions): Promise<Answer> {
    return ask(this.workspace, method, path, options);
  }

  put(path: string, body: string | Uint8Array, headers = {}): Promise<Answer> {
    return this.call('PUT', path, { body, headers });
  }

  /** Expects a refusal. */
  async refused(method: string, path: string, status: number, code: string, options?: AskOptions): Promise<Answer> {
    const answer = await this.call(method, path, options);
    assert.deepEqual([answer.status, errorOf(answer).code], [status, code], `${method} ${path}: ${answer.text}`);
    return answer;
  }
}

export function errorOf(answer: Answer): ErrorInfo {
  return errorBodySchema.parse(answer.json()).error;
}

export function reasonOf(answer: Answer): unknown {
  return errorOf(answer).details?.['reason'];
}
