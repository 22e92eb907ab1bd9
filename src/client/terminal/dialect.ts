/** What the frames of a terminal's WebSocket mean. */
import {
  TERMINAL_SUBPROTOCOL,
  parseControl,
  serverControlSchema,
  type ClientControl,
  type ServerControl,
} from '../../protocol/terminal.ts';

/** A frame of a WebSocket: bytes are binary, a string is text. */
export type Frame = Uint8Array | string;

/** What has come: bytes of output, or control. */
export type Received = Uint8Array | ServerControl;

export interface Dialect {
  readonly subprotocols: readonly string[];
  /** What the connection's opening alone tells. */
  opened(): readonly Received[];
  received(frame: Frame): Received | undefined;
  input(bytes: Uint8Array): Frame;
  /** What the other side is to be told, and what it would answer if it could. */
  control(control: ClientControl): Frame | undefined;
  /** What is known at once when a piece of input was sent. */
  inputSent(): ServerControl | undefined;
}

/** `carapace.tty.v1`, which the servers of Carapace speak. */
export const CARAPACE_DIALECT: Dialect = {
  subprotocols: [TERMINAL_SUBPROTOCOL],
  opened: () => [],
  received: (frame) => (typeof frame === 'string' ? parseControl(serverControlSchema, frame) : frame),
  input: (bytes) => bytes,
  control: (control) => JSON.stringify(control),
  inputSent: () => undefined,
};
