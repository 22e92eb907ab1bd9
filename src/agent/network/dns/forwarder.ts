/**
 * The resolver of all seats: it passes questions on to the worker's own resolvers, which seats do not reach (on some clouds
 * they are the metadata server). It keeps nothing and changes nothing.
 */
import type { Logger } from 'pino';
import { UnavailableError } from '../../../protocol/errors.ts';
import { DatagramRelay } from './datagrams.ts';
import { ResolvConf } from './resolv-conf.ts';
import { StreamRelay } from './streams.ts';
import { Upstreams } from './upstreams.ts';

export interface DnsOptions {
  readonly address: string;
  readonly port: number;
  readonly upstreams: Upstreams;
  readonly upstreamPort: number;
  readonly log: Logger;
}

const PORT = 53;
const RESOLV_CONF = '/etc/resolv.conf';

export class DnsForwarder {
  readonly #address: string;
  readonly #relays: readonly (DatagramRelay | StreamRelay)[];
  #isStarted = false;

  constructor(address: string, log: Logger) {
    const resolvConf = new ResolvConf(RESOLV_CONF, address);
    const upstreams = new Upstreams(() => resolvConf.addresses());
    const options: DnsOptions = { address, port: PORT, upstreams, upstreamPort: PORT, log };
    this.#address = address;
    this.#relays = [new DatagramRelay(options), new StreamRelay(options)];
  }

  /** Also when it serves already. @throws UnavailableError where another program serves the address */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    try {
      for (const relay of this.#relays) await relay.start();
    } catch (error) {
      this.stop();
      throw this.#explain(error);
    }
    this.#isStarted = true;
  }

  stop(): void {
    for (const relay of this.#relays) relay.stop();
    this.#isStarted = false;
  }

  #explain(error: unknown): unknown {
    const where = `${this.#address}:${PORT}`;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      const advice = 'bind it to the addresses it is for, or stop it';
      return new UnavailableError(`Another program serves names on ${where}, where seats ask for theirs: ${advice}.`);
    }
    return new UnavailableError(`The names for seats cannot be served on ${where}.`, undefined, { cause: error });
  }
}
