/**
 * Speaks to the root program of a machine (src/protocol/seat-init.ts). A connection for each question: QEMU serves one at a
 * time, and an agent that was killed must not stand in the way of the next one.
 */
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CarapaceError, TimedOutError, UnavailableError } from '../../../protocol/errors.ts';
import { SeatRefusal } from './seat-refusal.ts';
import { seatAnswerSchema, type SeatAnswer, type SeatRequest } from '../../../protocol/seat-init.ts';
import type { SeatChannelAddress } from './hypervisor.ts';
import { LineReader } from './line-reader.ts';

/** A request without its number, which is given when it is sent. */
export type SeatQuestion = SeatRequest extends infer R ? (R extends SeatRequest ? Omit<R, 'id'> : never) : never;

/**
 * How long one try may take before the question is asked again on a new connection: what was sent to a machine that was
 * just being restored may be lost.
 */
const TRY_MS = 20_000;

/** Between two tries that failed at once. */
const PAUSE_MS = 50;

/** Numbers fit in 32 bits, so that nobody's JSON rounds them. */
const ID_LIMIT = 2 ** 31;

/** A number that no question in flight has: a snapshot may hold the answer to an older one. */
function newId(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random % ID_LIMIT;
}

/** The answer to this question, if the line is that. */
function answerIn(line: string, id: number): SeatAnswer | undefined {
  try {
    const answer = seatAnswerSchema.safeParse(JSON.parse(line));
    return answer.success && answer.data.id === id ? answer.data : undefined;
  } catch {
    return undefined;
  }
}

/** The next line that `pick` makes something of. @throws UnavailableError when the connection ends before */
function nextLine<T>(socket: Socket, lines: LineReader, pick: (line: string) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (cause?: Error): void =>
      reject(new UnavailableError('The machine closed its channel without an answer.', undefined, { cause }));
    socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
    socket.on('error', end);
    socket.on('close', () => end());
    socket.on('data', (piece: Buffer) => {
      for (const line of lines.read(piece)) {
        const picked = pick(line);
        if (picked !== undefined) resolve(picked);
      }
    });
  });
}

/** Asks once. @throws UnavailableError, or the signal's reason */
async function tryToAsk(address: SeatChannelAddress, question: SeatQuestion, signal: AbortSignal): Promise<SeatAnswer> {
  signal.throwIfAborted();
  const socket = createConnection({ path: address.socketPath });
  const stop = (): void => {
    socket.destroy(signal.reason instanceof Error ? signal.reason : undefined);
  };
  signal.addEventListener('abort', stop);
  try {
    const lines = new LineReader();
    if (address.kind === 'vsock') {
      const opened = nextLine(socket, lines, (line) => (/^OK \d+$/.test(line) ? true : undefined));
      socket.write(`CONNECT ${address.port}\n`);
      await opened;
    }
    const id = newId();
    const answered = nextLine(socket, lines, (line) => answerIn(line, id));
    socket.write(`${JSON.stringify({ ...question, id })}\n`);
    return await answered;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    socket.removeAllListeners();
    // What comes after the answer is nobody's any more.
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

/** Asks until there is an answer: a machine that boots has nobody at its channel yet. @throws the signal's reason */
async function askUntilAnswered(
  address: SeatChannelAddress,
  makeQuestion: () => SeatQuestion,
  signal: AbortSignal,
): Promise<SeatAnswer> {
  for (;;) {
    try {
      return await tryToAsk(address, makeQuestion(), AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]));
    } catch (error) {
      signal.throwIfAborted();
      const timedOut = error instanceof Error && error.name === 'TimeoutError';
      if (!timedOut && !(error instanceof UnavailableError)) throw error;
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

export interface AskOptions {
  /** How long to wait for the answer, however often the question must be asked. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks the root program of a machine and returns its answer.
 * @param makeQuestion called for each try: the time in it must be that of the try
 * @throws TimedOutError past the deadline; UnavailableError where it answered that it could not; the signal's reason
 */
export async function askSeat(
  address: SeatChannelAddress,
  makeQuestion: () => SeatQuestion,
  options: AskOptions,
): Promise<SeatAnswer> {
  const deadline = AbortSignal.timeout(options.deadlineMs);
  const answer = await askUntilAnswered(address, makeQuestion, AbortSignal.any([options.signal, deadline])).catch(
    (error: unknown) => {
      if (options.signal.aborted || error instanceof CarapaceError || !deadline.aborted) throw error;
      const seconds = options.deadlineMs / 1000;
      throw new TimedOutError(`The machine's own program did not answer within ${seconds} s.`);
    },
  );
  if (answer.ok) return answer;
  const { op } = makeQuestion();
  throw new SeatRefusal(`The machine could not ${op} itself: ${answer.error ?? 'it gave no reason'}`);
}
