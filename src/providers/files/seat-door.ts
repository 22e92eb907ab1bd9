/** The files of one seat for work of any length: each call has a way in that is good at that moment. */
import type * as vscode from 'vscode';
import type { SeatFiles } from '../../client/seat-files.ts';
import { NotFoundError } from '../../protocol/errors.ts';
import type { FileStat } from '../../protocol/files.ts';
import { joinPath } from '../../client/file-paths.ts';
import { freeName } from '../model/file-names.ts';
import type { SeatFolder } from '../model/seat-file-row.ts';
import type { ConflictAnswer, Conflicts } from './conflicts.ts';
import type { FilesOfSeat, SeatFileSystem } from './seat-file-system.ts';
import type { SeatName } from './seat-watches.ts';

export interface TransferParts {
  readonly vs: typeof vscode;
  readonly withFiles: <T>(workshop: string, seat: number, work: (files: FilesOfSeat) => Promise<T>) => Promise<T>;
  /** Is told of what was changed. */
  readonly files: Pick<SeatFileSystem, 'noticed'>;
}

type Short = Pick<SeatFiles, 'list' | 'stat' | 'makeFolder' | 'move' | 'copy' | 'remove'>;

/** Where something is to be put; `replaces` is what is there and goes. */
export interface Spot {
  readonly path: string;
  readonly replaces: FileStat | undefined;
}

export class SeatDoor implements Short {
  readonly seat: SeatName;
  readonly #parts: TransferParts;

  constructor(parts: TransferParts, { workshop, seat }: SeatName) {
    this.#parts = parts;
    this.seat = { workshop, seat };
  }

  /** Once more where the way in turned out to be no longer good: what `work` streams it must begin itself. */
  with<T>(work: (files: FilesOfSeat) => Promise<T>): Promise<T> {
    return this.#parts.withFiles(this.seat.workshop, this.seat.seat, work);
  }

  readonly list: Short['list'] = (...all) => this.with((files) => files.list(...all));
  readonly stat: Short['stat'] = (...all) => this.with((files) => files.stat(...all));
  readonly makeFolder: Short['makeFolder'] = (...all) => this.with((files) => files.makeFolder(...all));
  readonly move: Short['move'] = (...all) => this.with((files) => files.move(...all));
  readonly copy: Short['copy'] = (...all) => this.with((files) => files.copy(...all));
  readonly remove: Short['remove'] = (...all) => this.with((files) => files.remove(...all));

  async statIfThere(path: string, signal?: AbortSignal): Promise<FileStat | undefined> {
    try {
      return await this.stat(path, signal);
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** Where something of this name goes in a folder; undefined where it is left out. */
  async spotFor(
    folder: SeatFolder,
    name: string,
    conflicts: Conflicts,
    signal?: AbortSignal,
  ): Promise<Spot | undefined> {
    const path = joinPath(folder.path, name);
    const there = await this.statIfThere(path, signal);
    if (there === undefined) return { path, replaces: undefined };
    const t = this.#parts.vs.l10n.t;
    const place = folder.path === '' ? t('seat {0}', folder.seat) : `"${folder.path}"`;
    const answer: ConflictAnswer = await conflicts.ask({ name, place, isFolder: there.file.is_directory });
    if (answer === 'skip') return undefined;
    return answer === 'replace' ? { path, replaces: there } : this.freeSpot(folder, name, signal);
  }

  /** A place under a name that is not taken. */
  async freeSpot(folder: SeatFolder, name: string, signal?: AbortSignal): Promise<Spot> {
    const taken = new Set((await this.list(folder.path, signal)).map((entry) => entry.name));
    const free = freeName(name, taken, this.#parts.vs.l10n.t);
    return { path: joinPath(folder.path, free), replaces: undefined };
  }

  /** Tells of something that was put there. */
  put({ path, replaces }: Spot): void {
    this.#parts.files.noticed(this.seat, [{ type: replaces === undefined ? 'created' : 'changed', path }]);
  }
}
