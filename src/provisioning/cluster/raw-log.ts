/** All that SkyPilot said in an operation, in a file for each. */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { FastifyBaseLogger } from 'fastify';

/** The files that are kept. */
const KEPT = 20;
const NAME = /^cluster-.*\.log$/;

/** One operation's file while it is written. */
export interface RawLogFile {
  write(line: string): void;
  /** Ends when everything is in the file; never throws. */
  close(): Promise<void>;
}

export class RawLog {
  readonly #folder: string;
  readonly #log: FastifyBaseLogger;

  /** @param folder made when it is needed */
  constructor(folder: string, log: FastifyBaseLogger) {
    this.#folder = folder;
    this.#log = log;
  }

  pathOf(operationId: string, stage: string): string {
    return join(this.#folder, `cluster-${operationId}-${stage}.log`);
  }

  /** Begins the file anew: a request is told from its beginning each time. */
  async open(operationId: string, stage: string): Promise<RawLogFile> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#prune();
    const stream = createWriteStream(this.pathOf(operationId, stage), { mode: 0o600 });
    // A full disk costs the log, never the operation.
    stream.on('error', (error) => this.#log.warn({ err: error }, 'SkyPilot’s lines cannot be kept'));
    return {
      write: (line) => void stream.write(`${line}\n`),
      close: async () => {
        stream.end();
        await finished(stream).catch(() => undefined);
      },
    };
  }

  async #prune(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => NAME.test(name));
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: await stat(join(this.#folder, name)).then(({ mtimeMs }) => mtimeMs) })),
    );
    const old = aged.sort((one, other) => other.at - one.at).slice(KEPT - 1);
    for (const { name } of old) await rm(join(this.#folder, name), { force: true });
  }
}
