/** What the tests of the network begin with: an open network with one seat, in which a guest is played. */
import { equal } from 'node:assert/strict';
import { pino } from 'pino';
import { WorkerNetwork } from '../../../../src/agent/network/worker-network.ts';
import type { SeatLink } from '../../../../src/agent/network/seat-network.ts';
import { kernelSnapshot, requireRig } from './kernel-snapshot.ts';
import { PlayedGuest } from './played-guest.ts';
import { seatConnection } from './seat-connection.ts';

/** The public server behind the uplink. */
export const INTERNET = 'http://1.2.3.4/';

/** Without slots that are prepared ahead, so that each test counts what it makes. */
export function makeNetwork(owner = 'test', ahead = 0): WorkerNetwork {
  return new WorkerNetwork({ owner, log: pino({ level: 'silent' }), ahead });
}

/** For a guest's Node: what its resolver says, by UDP and, as it does not fit, by TCP. */
const RESOLVE = `
  import { Resolver } from 'node:dns/promises';
  const resolver = new Resolver({ timeout: 3000, tries: 1 });
  resolver.setServers(['192.168.100.1']);
  const [address] = await resolver.resolve4('internet.test');
  const texts = await resolver.resolveTxt('large.test');
  const unknown = await resolver.resolve4('nothing.test').catch((error) => error.code);
  console.log(address, texts.length, unknown);
`;

/** What {@link resolveNames} says where all is well. */
export const NAMES = '1.2.3.4 12 ENOTFOUND\n';

export function resolveNames(guest: PlayedGuest): Promise<string> {
  return guest.run(process.execPath, '--input-type=module', '--eval', RESOLVE);
}

/** Seat 1 and its guest; after each test nothing of them is left in the kernel. */
export class NetworkFixture {
  readonly signal = new AbortController().signal;
  network = makeNetwork();
  #link: SeatLink | undefined;
  #guest: PlayedGuest | undefined;
  #before = '';

  get link(): SeatLink {
    if (this.#link === undefined) throw new Error('There is no seat yet.');
    return this.#link;
  }

  get guest(): PlayedGuest {
    if (this.#guest === undefined) throw new Error('There is no guest yet.');
    return this.#guest;
  }

  async start(): Promise<void> {
    requireRig();
    this.#before = kernelSnapshot();
    this.network = makeNetwork();
    await this.network.open(this.signal);
    await this.network.reap(new Set());
    this.#link = await this.network.take(1, this.signal);
    this.#guest = await PlayedGuest.start('guest1', seatConnection(this.#link));
  }

  async stop(): Promise<void> {
    this.guest.stop();
    await this.network.release(1);
    await this.network.close();
    equal(kernelSnapshot(), this.#before);
  }
}
