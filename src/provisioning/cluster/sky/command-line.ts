/** SkyPilot by its command line: to launch, to find an address, and for all else where the API server refuses REST. */
import { NotFoundError, UnavailableError } from '../../../protocol/errors.ts';
import { cloudsInText, type Clouds } from './check.ts';
import { ConsoleDecoder } from './console.ts';
import type { Environment } from './environment.ts';
import { errorFromCommand, failIfNotRefreshed, printedException, reasonInLine, withReason } from './errors.ts';
import { run, type Ran } from './process.ts';
import { activeOn, isActive, recordOf, requestRows, type RequestRow } from './record.ts';
import type { SkyLine, SkyOutcome, SkyRecord, SkyRequest } from './sky.ts';
import { jsonAmongLines, plainText, printedAddress, submittedRequest } from './text.ts';

/** Milliseconds. A launch is submitted within 5 to 20 s, a status takes 2 to 20 s. */
const DEADLINES = { launch: 180_000, status: 90_000, change: 120_000, autostop: 180_000, check: 180_000 } as const;

/** `Cluster(s) not found`, with which stop, start, down and autostop end in success. */
const NOT_FOUND = /^Cluster\(s\) not found/m;

export class SkyCommandLine {
  readonly #command: string;
  readonly #environment: Environment;

  constructor(command: string, environment: Environment) {
    this.#command = command;
    this.#environment = environment;
  }

  /** Submits a launch and answers its request's id. */
  async launch(name: string, taskFile: string, fast: boolean, signal: AbortSignal): Promise<string> {
    const args = ['launch', '-y', '--async', ...(fast ? ['--fast'] : []), '-c', name, taskFile];
    return this.#submit('launch the server', args, DEADLINES.launch, signal);
  }

  async start(name: string, signal: AbortSignal): Promise<string> {
    return this.#submit('start the server', ['start', '-y', '--async', name], DEADLINES.change, signal);
  }

  async stop(name: string, signal: AbortSignal): Promise<string> {
    return this.#submit('stop the server', ['stop', '-y', '--async', name], DEADLINES.change, signal);
  }

  async down(name: string, purge: boolean, signal: AbortSignal): Promise<string> {
    const args = ['down', '-y', '--async', ...(purge ? ['--purge'] : []), name];
    return this.#submit('destroy the server', args, DEADLINES.change, signal);
  }

  async autostop(name: string, minutes: number, down: boolean, signal: AbortSignal): Promise<void> {
    const what = minutes === 0 ? ['--cancel'] : ['-i', String(minutes), ...(down ? ['--down'] : [])];
    const doing = "set the server's idle time";
    const ran = await this.#run(doing, ['autostop', '-y', ...what, name], DEADLINES.autostop, signal);
    failIfNotFound(ran);
  }

  async status(name: string, refresh: boolean, signal: AbortSignal): Promise<SkyRecord | undefined> {
    // A pattern, because a plain name that is not found makes noise before the JSON.
    const pattern = `${name.slice(0, -1)}[${name.slice(-1)}]`;
    const args = ['status', pattern, ...(refresh ? ['-r'] : []), '-o', 'json'];
    const ran = await this.#run('tell the status', args, DEADLINES.status, signal);
    if (refresh) failIfNotRefreshed(ran.stdout);
    return recordOf(name, this.#json(ran));
  }

  /** The address of a cluster that is UP; null where it has none. */
  async address(name: string, signal: AbortSignal): Promise<string | null> {
    const ran = await this.#try(['status', '--ip', name], DEADLINES.status, signal);
    return ran.exitCode === 0 ? (printedAddress(ran.stdout) ?? null) : null;
  }

  async writeSshEntry(name: string, signal: AbortSignal): Promise<void> {
    await this.#run('write the SSH entry', ['status', name], DEADLINES.status, signal);
  }

  async check(signal: AbortSignal): Promise<Clouds> {
    const ran = await this.#try(['check'], DEADLINES.check, signal);
    const clouds = cloudsInText(ran.stdout);
    if (clouds.enabled_clouds.length === 0 && Object.keys(clouds.disabled_clouds).length === 0) {
      throw errorFromCommand('check the credentials', ran);
    }
    return clouds;
  }

  async activeRequests(name: string, signal: AbortSignal): Promise<SkyRequest[]> {
    return activeOn(name, await this.#requests(false, signal));
  }

  async cancel(id: string, signal: AbortSignal): Promise<void> {
    await this.#try(['api', 'cancel', '-y', id], DEADLINES.change, signal);
  }

  /** Ends with the request; its log has no phases here. */
  async follow(id: string, onLine: (line: SkyLine) => void, signal: AbortSignal): Promise<SkyOutcome> {
    let reason: string | undefined;
    const decoder = new ConsoleDecoder((line) => {
      reason = reasonInLine(line.text) ?? reason;
      onLine(line);
    });
    const ran = await run(this.#command, ['api', 'logs', id], {
      environment: this.#environment,
      signal,
      deadlineMs: 24 * 3_600_000,
      onLine: (line) => decoder.push(`${line}\n`),
    });
    const row = (await this.#requests(true, signal)).find((candidate) => candidate.request_id === id);
    if (row === undefined) return { kind: 'lost' };
    if (row.status === 'SUCCEEDED') return { kind: 'succeeded' };
    if (row.status === 'CANCELLED') return { kind: 'cancelled' };
    if (isActive(row)) throw new UnavailableError('SkyPilot stopped telling about the request before it had ended.');
    const exception = printedException(ran.stderr) ?? printedException(ran.stdout);
    return { kind: 'failed', ...withReason(exception ?? { type: 'Error', message: 'it did not say why' }, reason) };
  }

  async #requests(all: boolean, signal: AbortSignal): Promise<RequestRow[]> {
    const args = ['api', 'status', '-o', 'json', ...(all ? ['-a'] : [])];
    return requestRows(this.#json(await this.#run('tell its requests', args, DEADLINES.status, signal)));
  }

  async #submit(doing: string, args: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<string> {
    const ran = await this.#run(doing, args, deadlineMs, signal);
    const id = submittedRequest(ran.stdout);
    if (id !== undefined) return id;
    failIfNotFound(ran);
    throw errorFromCommand(doing, ran);
  }

  /** @throws the typed error of a command that failed */
  async #run(doing: string, args: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<Ran> {
    const ran = await this.#try(args, deadlineMs, signal);
    if (ran.exitCode !== 0) throw errorFromCommand(doing, ran);
    return ran;
  }

  #try(args: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<Ran> {
    return run(this.#command, args, { environment: this.#environment, signal, deadlineMs });
  }

  #json(ran: Ran): unknown {
    const value = jsonAmongLines(ran.stdout);
    if (value === undefined) throw errorFromCommand('answer in JSON', ran);
    return value;
  }
}

function failIfNotFound(ran: Ran): void {
  if (!NOT_FOUND.test(plainText(ran.stdout))) return;
  throw new NotFoundError('SkyPilot has no such server any more: it was destroyed, here or elsewhere.', {
    sky: 'ClusterDoesNotExist',
  });
}
