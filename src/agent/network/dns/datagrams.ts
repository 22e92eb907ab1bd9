/** Relays DNS questions that come as datagrams. It reads no more of them than their number. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Quota } from './quota.ts';
import type { DnsOptions } from './forwarder.ts';

/** Of a message: number, flags, and four counts. */
const HEADER_BYTES = 12;
const IS_ANSWER = 0x80;
const RECURSION_AVAILABLE = 0x80;
const SERVER_FAILURE = 2;

/** Questions under way: one learner cannot take the others' share. */
const MAX_QUESTIONS = 512;
const MAX_QUESTIONS_EACH = 64;

/**
 * Room for what several seats ask at the same moment, so that one of them does not push out another's question. The kernel
 * gives at most twice net.core.rmem_max.
 */
const RECEIVE_BYTES = 1_048_576;

/** Until the next upstream is asked; those who ask give up after 5 s. */
const ANSWER_TIMEOUT_MS = 2_000;

/** Asks one upstream from a port of its own, which takes answers from nobody else. @throws Error when there is none */
async function ask(upstream: string, port: number, question: Buffer): Promise<Buffer> {
  const socket = createSocket(isIPv6(upstream) ? 'udp6' : 'udp4');
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${upstream} did not answer`)), ANSWER_TIMEOUT_MS);
      socket.on('close', () => clearTimeout(timer));
      socket.on('error', reject);
      socket.on('message', (answer) => {
        if (isAnswerTo(question, answer)) resolve(answer);
      });
      // Not as the callback of connect(), which is called with the error, too, and sending would throw there.
      socket.once('connect', () => socket.send(question));
      socket.connect(port, upstream);
    });
  } finally {
    socket.close();
  }
}

function isQuestion(message: Buffer): boolean {
  return message.length >= HEADER_BYTES && ((message[2] ?? 0) & IS_ANSWER) === 0;
}

function isAnswerTo(question: Buffer, message: Buffer): boolean {
  const isAnswer = message.length >= HEADER_BYTES && ((message[2] ?? 0) & IS_ANSWER) !== 0;
  return isAnswer && message.readUInt16BE(0) === question.readUInt16BE(0);
}

/** "The server failed": the one who asks need not wait for its own deadline. */
export function failureOf(question: Buffer): Buffer {
  const answer = Buffer.from(question);
  answer[2] = (question[2] ?? 0) | IS_ANSWER;
  answer[3] = RECURSION_AVAILABLE | SERVER_FAILURE;
  return answer;
}

export class DatagramRelay {
  readonly #options: DnsOptions;
  readonly #quota = new Quota(MAX_QUESTIONS, MAX_QUESTIONS_EACH);
  #socket: Socket | undefined;

  constructor(options: DnsOptions) {
    this.#options = options;
  }

  /** @throws the system's error where the address cannot be had */
  async start(): Promise<void> {
    // Other agents of this machine serve the same address.
    const socket = createSocket({ type: 'udp4', reusePort: true, recvBufferSize: RECEIVE_BYTES });
    socket.on('message', (question, from) => {
      if (isQuestion(question)) void this.#answer(question, from);
    });
    socket.bind({ address: this.#options.address, port: this.#options.port });
    await once(socket, 'listening').catch((error: unknown) => {
      socket.close();
      throw error;
    });
    socket.on('error', (error) => this.#options.log.warn({ err: error }, 'the DNS forwarder has failed at a datagram'));
    this.#socket = socket;
  }

  stop(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #answer(question: Buffer, from: RemoteInfo): Promise<void> {
    if (!this.#quota.take(from.address)) return;
    try {
      const answer = await this.#askUpstreams(question);
      // It may have been stopped meanwhile, and the one who asked may be gone.
      this.#socket?.send(answer, from.port, from.address, () => undefined);
    } finally {
      this.#quota.give(from.address);
    }
  }

  async #askUpstreams(question: Buffer): Promise<Buffer> {
    const { upstreams, upstreamPort, log } = this.#options;
    for (const upstream of upstreams.inOrder()) {
      try {
        const answer = await ask(upstream, upstreamPort, question);
        upstreams.hasAnswered(upstream);
        return answer;
      } catch (error) {
        log.debug({ err: error, upstream }, 'a resolver of this worker did not answer');
      }
    }
    return failureOf(question);
  }
}
