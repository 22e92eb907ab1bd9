/** The terminal of a seat for programs that run in Node.js. */
import { openNodeSocket } from './node-socket.ts';
import type { TerminalState } from './reconnect-state.ts';
import { ResumingTerminal } from './resuming-terminal.ts';
import type { SeatTerminalHandlers, SeatTerminalOptions } from './seat-terminal-options.ts';

export type { SeatTerminalHandlers, SeatTerminalOptions, TerminalState };

export class SeatTerminal extends ResumingTerminal {
  constructor(options: SeatTerminalOptions, handlers: SeatTerminalHandlers) {
    super(openNodeSocket, options, handlers);
  }
}
