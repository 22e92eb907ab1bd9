/** `GET /watch?path=P`: tells what happens below a folder. */
import { join } from 'node:path';
import { NoCapacityError } from '../../protocol/errors.ts';
import { allowMethods } from '../health.ts';
import type { Exchange } from '../http/exchange.ts';
import { parseQuery } from '../http/query.ts';
import { EventStream } from './event-stream.ts';
import { conflict, fileError } from './file-errors.ts';
import { pathOfText, quotePath, showPath } from './path.ts';
import { WATCH_BOUNDS, WatchBudget, type WatchBounds } from './watch-folder.ts';
import { WatchTree, type TreeEvent } from './watch-tree.ts';
import type { WorkspaceRoot } from './workspace-root.ts';

/** Of one seat, at once. */
export const MAX_WATCHES = 16;

/** The watches of a seat. Those of the same folder share what they watch. */
export class Watches {
  readonly #root: WorkspaceRoot;
  readonly #budget: WatchBudget;
  readonly #trees = new Map<string, { readonly tree: Promise<WatchTree>; users: number }>();
  #count = 0;

  constructor(root: WorkspaceRoot, bounds: WatchBounds = WATCH_BOUNDS) {
    this.#root = root;
    this.#budget = new WatchBudget(bounds);
  }

  /** Answers until the client or the folder goes. @throws NotFoundError, ConflictError, TooLargeError, NoCapacityError */
  async answer(exchange: Exchange): Promise<void> {
    allowMethods(exchange, ['GET']);
    const { path = '' } = parseQuery(exchange.query, ['path']);
    const { names } = pathOfText(path);
    if (this.#count >= MAX_WATCHES)
      throw new NoCapacityError(`This seat has ${MAX_WATCHES} watches already. Close a window, or end a watch.`);
    this.#count += 1;
    try {
      await this.#watch(exchange, names, await this.#folderOf(names));
    } catch (error) {
      throw fileError(error, names);
    } finally {
      this.#count -= 1;
    }
  }

  async #folderOf(names: readonly string[]): Promise<string> {
    const place = await this.#root.findExisting(names);
    if (!place.stats.isDirectory()) throw conflict('not_a_directory', `${quotePath(names)} is not a folder.`);
    return join(place.folder, place.name);
  }

  async #watch(exchange: Exchange, names: readonly string[], folder: string): Promise<void> {
    const { response } = exchange;
    const closed = new Promise((resolve) => response.once('close', resolve));
    const entry = this.#enter(folder);
    try {
      const tree = await entry.tree;
      if (response.destroyed) return;
      const stream = new EventStream(response);
      const stopListening = tree.listen({
        told: (event) => stream.send(prefixed(names, event)),
        ended: (error) => {
          if (error !== undefined) exchange.log.warn({ err: error }, 'a watch ended');
          stream.end();
        },
      });
      await closed;
      stopListening();
    } finally {
      entry.users -= 1;
      if (entry.users === 0) this.#leave(folder, entry.tree);
    }
  }

  #enter(folder: string): { readonly tree: Promise<WatchTree>; users: number } {
    const entry = this.#trees.get(folder) ?? { tree: this.#open(folder), users: 0 };
    this.#trees.set(folder, entry);
    entry.users += 1;
    return entry;
  }

  /** A tree that could not be opened, or has ended, is not for whoever comes next. */
  async #open(folder: string): Promise<WatchTree> {
    const forget = () => this.#trees.delete(folder);
    try {
      const tree = await WatchTree.open(folder, this.#budget);
      tree.listen({ told: () => undefined, ended: forget });
      return tree;
    } catch (error) {
      forget();
      throw error;
    }
  }

  #leave(folder: string, tree: Promise<WatchTree>): void {
    if (this.#trees.get(folder)?.tree === tree) this.#trees.delete(folder);
    tree.then((opened) => opened.close()).catch(() => undefined);
  }
}

function prefixed(names: readonly string[], event: TreeEvent) {
  return event.type === 'reset' ? event : { type: event.type, path: showPath([...names, ...event.names]) };
}
