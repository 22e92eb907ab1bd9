/** The WebSocket below a terminal's connection, as a process or a browser has it. */
import type { Access } from '../../protocol/access.ts';
import type { CarapaceError } from '../../protocol/errors.ts';
import type { Frame } from './dialect.ts';

/**
 * How a connection ended: with a close code of the other side, with an error of the network or a refusal, or before it
 * began, because the other side knows none of the dialect's subprotocols.
 */
export type Ending = { readonly code: number } | { readonly error: CarapaceError; readonly isForeign?: boolean };

/** The largest frame that is taken, in bytes: frames are at most 64 KiB, and control with names of viewers is smaller. */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** How long the opening handshake may take, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface TerminalSocket {
  /** Whether frames can be sent. */
  readonly isOpen: boolean;
  send(frame: Frame): void;
  /** Asks for a sign of life below the protocol, where the platform can. */
  ping?(): void;
  /** Stops and goes on reading, where the platform can; a browser reads ahead. */
  pause?(): void;
  resume?(): void;
  /** Ends it in order where it is open, else at once. */
  close(): void;
  /** Ends it at once. */
  terminate(): void;
}

/** Called one at a time, never from inside {@link OpenSocket}. */
export interface SocketHandlers {
  onOpen(): void;
  onFrame(frame: Frame): void;
  /** The other side has answered a ping. */
  onPong(): void;
  /** May be called more than once; the first counts. */
  onEnd(ending: Ending): void;
}

/**
 * Begins to connect, with the access's token.
 * @param path of the terminal below the access's endpoint, query included
 */
export type OpenSocket = (
  access: Access,
  path: string,
  subprotocols: readonly string[],
  handlers: SocketHandlers,
) => TerminalSocket;
