/** Opens a terminal: authenticates the request, replays it to the seat, and joins the two sockets. */
import { addAbortListener } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { bearerToken } from '../../lib/bearer.ts';
import { REQUEST_ID_HEADER, requestIdOf } from '../../lib/request-id.ts';
import { splice } from '../../lib/splice.ts';
import { refuse, refuseBrowser } from '../../lib/upgrade-refusal.ts';
import { CarapaceError, InvalidInputError, NotFoundError, UnavailableError } from '../../protocol/errors.ts';
import { admit, type Admission, type Gate } from './gate.ts';
import { answerHead, bearerSubprotocol, offeredSubprotocols, upgradeHeaders } from './headers.ts';
import { askForUpgrade, type UpgradeAnswer } from './seat-socket.ts';

/** From the request to the seat's answer. */
const HANDSHAKE_MS = 10_000;

/** How long a seat may take to end its refusal. */
const REFUSAL_MS = 2_000;

/** Idle time after which the kernel asks whether the client is still there. */
const KEEP_ALIVE_MS = 30_000;

const SWITCHING_PROTOCOLS = 101;

/**
 * Gives the client the rest of a seat's refusal. One way only: on a connection that is still HTTP the client must not
 * send further requests past the gate.
 */
function relayRefusal(seat: Socket, client: Socket): void {
  seat.setTimeout(REFUSAL_MS, () => seat.destroy());
  seat.once('close', () => client.destroySoon());
  client.once('close', () => seat.destroy());
  seat.pipe(client);
  seat.end();
}

/** The open terminals of an agent. */
export class TerminalProxy {
  readonly #gate: Gate;
  readonly #log: Logger;
  readonly #clients = new Set<Socket>();

  constructor(gate: Gate, log: Logger) {
    this.#gate = gate;
    this.#log = log;
  }

  /** Takes over the socket of a request to be upgraded; for the `upgrade` event of `http.Server`. */
  readonly handle = (request: IncomingMessage, client: Socket, head: Buffer): void => {
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    // Without a listener a reset connection would end the process; what follows a reset is done on `close`.
    client.on('error', () => undefined);
    client.setTimeout(0).setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
    void this.#open(request, client, head, requestIdOf(request.headers));
  };

  /** Ends every connection; the shells live on in their seats. */
  close(): void {
    for (const client of this.#clients) client.destroy();
  }

  async #open(request: IncomingMessage, client: Socket, head: Buffer, id: string): Promise<void> {
    const offeredToken = bearerSubprotocol(offeredSubprotocols(request.rawHeaders));
    const token = bearerToken(request.headers.authorization);
    try {
      const admission = await this.#admit(request, token ?? offeredToken);
      const answer = await this.#ask(admission, request, client, id);
      await this.#join(admission, answer, client, head, id);
    } catch (error) {
      this.#logRefusal(error, id);
      if (token === undefined && offeredToken !== undefined) refuseBrowser(request, client, head, error, id);
      else refuse(client, error, id);
    }
  }

  #logRefusal(error: unknown, id: string): void {
    if (error instanceof CarapaceError && error.status < 500) {
      this.#log.info({ request_id: id, code: error.code }, 'terminal refused');
    } else this.#log.warn({ request_id: id, err: error }, 'terminal failed');
  }

  async #admit(request: IncomingMessage, token: string | undefined): Promise<Admission> {
    if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket') {
      throw new InvalidInputError('Only a GET request may be upgraded, and only to a WebSocket.');
    }
    const admission = await admit(this.#gate, request.url ?? '', request.headers.origin, token);
    if (admission.target.service !== 'terminal') throw new NotFoundError('There is no WebSocket at this address.');
    return admission;
  }

  async #ask(admission: Admission, request: IncomingMessage, client: Socket, id: string): Promise<UpgradeAnswer> {
    const { target, caller, seat } = admission;
    const over = new AbortController();
    client.once('close', () => over.abort());
    const following = addAbortListener(admission.gone, () => over.abort());
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(HANDSHAKE_MS)]);
    try {
      const headers = [...upgradeHeaders(request.rawHeaders, caller), [REQUEST_ID_HEADER, id] as const];
      return await askForUpgrade(seat.terminal, target.path, headers, signal);
    } catch (cause) {
      // Its reason says what became of the seat.
      admission.gone.throwIfAborted();
      const message = `The terminal of seat ${target.key.seatId} does not answer. Try again, or reset the seat.`;
      throw new UnavailableError(message, undefined, { cause });
    } finally {
      following[Symbol.dispose]();
    }
  }

  /** Gives the seat's answer to the client, and joins the two if it is the upgrade. */
  async #join(admission: Admission, answer: UpgradeAnswer, client: Socket, head: Buffer, id: string): Promise<void> {
    const { caller, target, gone } = admission;
    const { socket } = answer;
    socket.on('error', () => undefined);
    const { workshopId, seatId } = target.key;
    const fields = { request_id: id, workshop_id: workshopId, seat_id: seatId, role: caller.role };
    if (client.destroyed) {
      socket.destroy();
      return;
    }
    client.write(answerHead(answer.head.toString('latin1')), 'latin1');
    if (answer.status !== SWITCHING_PROTOCOLS) {
      this.#log.info({ ...fields, status: answer.status }, 'terminal refused by the seat');
      relayRefusal(socket, client);
      return;
    }
    if (head.length > 0) client.unshift(head);
    const release = this.#gate.seats.countConnection(target.key);
    this.#log.info(fields, 'terminal opened');
    const begun = performance.now();
    const following = addAbortListener(gone, () => {
      for (const end of [client, socket]) end.destroy();
    });
    try {
      await splice(client, socket);
    } finally {
      following[Symbol.dispose]();
      release();
      const seconds = Math.round((performance.now() - begun) / 1000);
      const bytes = { bytes_in: client.bytesRead, bytes_out: client.bytesWritten };
      this.#log.info({ ...fields, ...bytes, seconds }, 'terminal closed');
    }
  }
}
