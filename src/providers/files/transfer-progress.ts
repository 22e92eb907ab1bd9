/** A notification for bytes that move, with Cancel. */
import type * as vscode from 'vscode';
import { localError } from './local-error.ts';
import { formatBytes } from '../../client/format.ts';
import { shownName } from '../../client/file-paths.ts';

/** How often the notification changes, in milliseconds. */
const TELL_MS = 200;

type Vs = Pick<typeof vscode, 'l10n' | 'window' | 'ProgressLocation'>;

/** What counts its own bytes, such as a file's stream. */
export interface Counted {
  readonly moved: () => number;
}

export class Meter {
  readonly #moving = new Set<Counted>();
  #done = 0;
  #name = '';

  /** How many bytes there will be, once that is known. */
  total: number | undefined;

  get moved(): number {
    return [...this.#moving].reduce((sum, { moved }) => sum + moved(), this.#done);
  }

  get name(): string {
    return this.#name;
  }

  /** Counts a stream while `work` runs. */
  async during<T>(name: string, moved: () => number, work: () => Promise<T>): Promise<T> {
    const counted = { moved };
    this.#name = name;
    this.#moving.add(counted);
    try {
      return await work();
    } finally {
      this.#moving.delete(counted);
      this.#done += moved();
    }
  }
}

/**
 * Runs `work` under a notification. @throws AbortError where it was cancelled, and what `work` throws; errors of this
 * machine's disk as typed ones
 */
export async function withTransfer<T>(
  vs: Vs,
  title: string,
  work: (meter: Meter, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const options = { location: vs.ProgressLocation.Notification, title, cancellable: true };
  return vs.window.withProgress(options, async (progress, token) => {
    const cancel = new AbortController();
    const cancelling = token.onCancellationRequested(() => cancel.abort());
    const meter = new Meter();
    let shown = 0;
    const tell = () => {
      const { moved, total, name } = meter;
      const percent = total === undefined || total === 0 ? 0 : Math.min(100, (moved / total) * 100);
      progress.report({ message: message(vs, name, moved, total), increment: percent - shown });
      shown = percent;
    };
    const telling = setInterval(tell, TELL_MS);
    try {
      return await work(meter, cancel.signal);
    } catch (error) {
      throw localError(vs, error);
    } finally {
      clearInterval(telling);
      cancelling.dispose();
    }
  });
}

function message({ l10n }: Vs, name: string, moved: number, total: number | undefined): string {
  const t = l10n.t;
  const bytes =
    total === undefined ? formatBytes(moved, t) : t('{0} of {1}', formatBytes(moved, t), formatBytes(total, t));
  return name === '' ? bytes : `${shownName(name)} · ${bytes}`;
}
