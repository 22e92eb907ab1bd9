/** Questions to who sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import { Interrupted } from './failures.ts';
import type { CliIo } from './io.ts';

/** Whether somebody can be asked. */
export function canAsk(io: CliIo): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true;
}

/**
 * Asks on standard error and answers what was typed.
 * @param otherwise what is said to who presses Ctrl-C or Ctrl-D instead
 * @throws Interrupted on Ctrl-C, Error saying `otherwise` on Ctrl-D
 */
export async function ask(io: CliIo, question: string, otherwise: string, signal: AbortSignal): Promise<string> {
  const readline = createInterface({ input: io.stdin, output: io.stderr, terminal: true });
  try {
    readline.once('SIGINT', () => process.emit('SIGINT', 'SIGINT'));
    return (await readline.question(question, { signal })).trim();
  } catch (error) {
    if (signal.aborted) throw new Interrupted(otherwise);
    // Ctrl-D is an answer, too.
    if (error instanceof Error && error.name === 'AbortError') throw new Error(otherwise, { cause: error });
    throw error;
  } finally {
    readline.close();
  }
}

/** Goes on after a yes. @throws Error saying `otherwise` after anything else, Interrupted on Ctrl-C */
export async function confirm(io: CliIo, question: string, otherwise: string, signal: AbortSignal): Promise<void> {
  if (isYes(await ask(io, `${question} [y/N] `, otherwise, signal))) return;
  throw new Error(otherwise);
}

export function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer);
}
