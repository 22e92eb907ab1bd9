/** How a command ended; what `vscode.commands.executeCommand` resolves to. */
import type { ErrorInfo } from '../../protocol/errors.ts';

export type Outcome<T = unknown> =
  | { readonly status: 'ok'; readonly value: T }
  | { readonly status: 'cancelled' }
  | { readonly status: 'error'; readonly error: ErrorInfo };

export const CANCELLED = { status: 'cancelled' } as const;

export function ok<T>(value: T): Outcome<T> {
  return { status: 'ok', value };
}

/** Whether an error says that somebody gave up, and nothing else. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
