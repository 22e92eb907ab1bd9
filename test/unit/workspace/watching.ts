/** A client of the watch that keeps everything it is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { readSse } from '../../../src/client/sse.ts';
import { watchEventSchema, type WatchEvent } from '../../../src/protocol/files.ts';
import { until, type TestWorkspace } from './support.ts';

/** Longer than any test: one that pauses its reading has silence for as long as it likes. */
const SILENCE_MS = 600_000;

export class TestWatch {
  readonly events: WatchEvent[] = [];
  readonly response: IncomingMessage;
  ended = false;
  readonly #request: ClientRequest;

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.response = response;
  }

  static async open(workspace: TestWorkspace, path: string): Promise<TestWatch> {
    const address = `/watch?path=${encodeURIComponent(path)}`;
    const sent = request({ socketPath: workspace.filesSocket, path: address, agent: false });
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    const watch = new TestWatch(sent, response);
    void watch.#read();
    await until(() => watch.events.length > 0, 'the first reset');
    assert.deepEqual(watch.events.splice(0), [{ type: 'reset' }]);
    return watch;
  }

  async #read(): Promise<void> {
    try {
      for await (const { data } of readSse(this.response, SILENCE_MS))
        this.events.push(watchEventSchema.parse(JSON.parse(data)));
    } catch {
      // The test has closed it, or the server is gone.
    }
    this.ended = true;
  }

  /** What was told, as text, such as `created a/b`; each kind once a path. */
  get told(): string[] {
    return [...new Set(this.events.map((event) => (event.type === 'reset' ? 'reset' : `${event.type} ${event.path}`)))];
  }

  /** Waits until all of these have been told, and forgets them. */
  async tells(...wanted: string[]): Promise<string[]> {
    await until(
      () => wanted.every((text) => this.told.includes(text)),
      `${JSON.stringify(wanted)}, told was ${JSON.stringify(this.told)}`,
    );
    const { told } = this;
    this.events.length = 0;
    return told;
  }

  close(): void {
    this.#request.destroy();
  }
}
