/** The work of each operation on the cluster, and what is written when it has ended. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import type { ServerChange } from '../../protocol/cluster.ts';
import { timestamp } from '../clock.ts';
import type { OperationContext } from '../operations/handler.ts';
import type { ClusterRow } from '../store/cluster.ts';
import type { ClusterRecords } from './cluster-records.ts';
import { costAt } from './cost.ts';
import { derive } from './derive.ts';
import { whatIsLeft } from './failure.ts';
import type { Observer } from './observer.ts';
import type { Requests } from './requests.ts';
import { describeMachine, dollars, vaultsOf } from './resource.ts';
import type { ServerFiles } from './server-files.ts';
import type { Sky, SkyRecord } from './sky/sky.ts';
import type { ClusterVerb } from './state-machine.ts';
import { taskYaml } from './task.ts';
import type { Vaults } from './vaults/vaults.ts';

export interface ClusterWorkOptions {
  readonly records: ClusterRecords;
  readonly observer: Observer;
  readonly requests: Requests;
  readonly vaults: Vaults;
  readonly files: ServerFiles;
  /** Holds the task that SkyPilot is given. */
  readonly taskFolder: string;
}

/** What one operation works with. */
export interface Work {
  readonly context: OperationContext;
  readonly sky: Sky;
  /** The operation's, with its deadline. */
  readonly signal: AbortSignal;
}

/** How a launch differs: `fast` mounts files and runs only; without `mount` nothing is mounted. */
interface Launch {
  readonly stage: string;
  readonly what: string;
  readonly fast: boolean;
  readonly mount: boolean;
}

const isUp = (record: SkyRecord | undefined): boolean => record?.status === 'UP';

/** Each method does one operation's work and answers the line that closes it; all of it may run again after a crash. */
export class ClusterWork {
  readonly #options: ClusterWorkOptions;

  constructor(options: ClusterWorkOptions) {
    this.#options = options;
  }

  async launch(work: Work): Promise<string> {
    const { context, sky, signal } = work;
    const row = this.#row();
    context.progress('machine', 'Asking SkyPilot to launch the server.');
    const how = { stage: 'cluster.launch', what: 'The launch', fast: false, mount: true };
    const record = await this.#launch(work, how);
    await context.step('cluster.launch.entry', () => sky.writeSshEntry(row.name, signal));
    const synced = await this.#recordSync(row, signal);
    const now = this.#conclude(context, record, { ...synced, activity_at: timestamp() });
    return `The server "${now.name}" is running: ${describeMachine(now)}${now.ip === null ? '' : `, ${now.ip}`}.`;
  }

  /** Starts, then mounts the vaults and runs the task again, as a launch does. */
  async start(work: Work): Promise<string> {
    const { context, sky, signal } = work;
    const row = this.#row();
    await this.#startMachine(work, row);
    await context.step('cluster.mount.entry', () => sky.writeSshEntry(row.name, signal));
    const changes = await context.step('cluster.mount.look', () => this.#options.files.changes(row, sky, signal));
    const note = await this.#whyNotMount(row, changes, signal);
    const how = { stage: 'cluster.mount', what: 'Mounting the vaults', fast: true, mount: note === null };
    const record = await this.#launch(work, how);
    const synced = note === null ? await this.#recordSync(row, signal) : {};
    const now = this.#conclude(context, record, { ...synced, activity_at: timestamp(), note });
    const where = now.ip === null ? '' : ` at ${now.ip}`;
    return `The server "${now.name}" is running again${where}.${note === null ? '' : ` ${note}`}`;
  }

  async stop(work: Work): Promise<string> {
    const { context, sky, signal } = work;
    const { name } = this.#row();
    const kept = await this.#keep(work, 'cluster.stop');
    context.progress('stop', 'Asking SkyPilot to stop the server.');
    const ask = {
      stage: 'cluster.stop',
      verb: 'stop',
      what: 'Stopping',
      submit: (inTime: AbortSignal) => sky.stop(name, inTime),
      isDone: (now: SkyRecord | undefined) => now?.status === 'STOPPED',
      tellsAll: true,
    } as const;
    const record = await this.#options.requests.run(context, sky, ask, signal);
    const now = this.#conclude(context, record, { note: this.#row().note });
    const price = now.disk_price_per_hour;
    const costs = price === null ? '' : ` The disk goes on costing about ${dollars(price * 24)} a day.`;
    return `The server "${name}" is stopped; its disk is kept.${costs}${kept}`;
  }

  async destroy(work: Work): Promise<string> {
    const { context, sky, signal } = work;
    const { name } = this.#row();
    const kept = await this.#keep(work, 'cluster.destroy');
    context.progress('destroy', 'Asking SkyPilot to destroy the server.');
    const ask = {
      stage: 'cluster.destroy',
      verb: 'down',
      what: 'Destroying',
      submit: (inTime: AbortSignal) => sky.down(name, { signal: inTime }),
      isDone: (now: SkyRecord | undefined) => now === undefined,
      tellsAll: true,
    } as const;
    const record = await this.#options.requests.run(context, sky, ask, signal);
    const cost = costAt(this.#row(), Date.now());
    await context.step('cluster.destroy.forget', () => this.#options.vaults.forget());
    this.#conclude(context, record, {});
    const spent = cost === null ? '' : ` It has cost about ${dollars(cost)}.`;
    return `The server "${name}" is gone, and nothing of it is left or billed.${spent}${kept}`;
  }

  async sync(work: Work): Promise<string> {
    const { context, sky, signal } = work;
    const { files } = this.#options;
    const row = this.#row();
    const kept = await this.#keep(work, 'cluster.sync');
    if (row.asked?.deletions === 'remove') {
      const removed = await context.step('cluster.sync.remove', () => files.removeDeleted(row, sky, signal));
      if (removed > 0)
        context.progress('files', `Removed on the server what was removed here: ${countFiles(removed)}.`);
    }
    context.progress('files', 'Asking SkyPilot to mount the vaults.');
    const record = await this.#launch(work, { stage: 'cluster.sync', what: 'The sync', fast: true, mount: true });
    this.#conclude(context, record, await this.#recordSync(row, signal));
    return `The vaults on the server are as they are here.${kept}`;
  }

  launchUndone(context: OperationContext, record: SkyRecord | undefined): string {
    if (record !== undefined) return this.#leave(context, record, 'The launch was cancelled.', 'launch');
    this.#conclude(context, record, {});
    return 'The launch was cancelled. Nothing is left, and nothing is billed.';
  }

  startUndone(context: OperationContext, record: SkyRecord | undefined): string {
    const said = 'The start was cancelled.';
    if (record === undefined || record.status === 'STOPPED') {
      this.#conclude(context, record, {});
      return `${said} ${record === undefined ? 'The server is gone.' : 'The server is stopped; its disk is kept.'}`;
    }
    if (record.status !== 'UP') return this.#leave(context, record, said, 'start');
    const note = `${said} The server runs all the same and is billed; its vaults may not be mounted: sync them, or stop it.`;
    this.#conclude(context, record, { note, activity_at: timestamp() });
    return note;
  }

  syncUndone(context: OperationContext, record: SkyRecord | undefined): string {
    const note = 'The sync was cancelled: some files on the server may be old. Sync again.';
    this.#conclude(context, record, { note });
    return note;
  }

  async #startMachine({ context, sky, signal }: Work, row: ClusterRow): Promise<void> {
    const { requests, records } = this.#options;
    // After a crash in the second half the first one is done, and the id is that of the second one's request.
    const reached = context.operation.step ?? '';
    if (reached.startsWith('cluster.mount')) return;
    if (reached !== 'cluster.start.done') {
      context.progress('machine', 'Asking SkyPilot to start the server.');
      const submit = (inTime: AbortSignal): Promise<string> => sky.start(row.name, inTime);
      const ask = {
        stage: 'cluster.start',
        verb: 'start',
        what: 'The start',
        submit,
        isDone: isUp,
        tellsAll: true,
      } as const;
      await requests.run(context, sky, ask, signal);
    }
    await context.step('cluster.start.done', () => records.change({ request_id: null }));
  }

  /** The sentence that says why the vaults are not mounted now; null where they can be. */
  async #whyNotMount(
    row: ClusterRow,
    changes: readonly ServerChange[] | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    if (changes === null || changes.length > 0) return notSynced(changes?.length ?? null);
    const reports = await this.#options.vaults.inspect(vaultsOf(row), signal);
    const problem = reports.find((report) => report.problem !== null)?.problem ?? null;
    return problem === null ? null : `The vaults were not synced. ${problem}`;
  }

  /** A launch, or the mounting of the vaults on a server that runs. */
  #launch({ context, sky, signal }: Work, { stage, what, fast, mount }: Launch): Promise<SkyRecord | undefined> {
    const { requests, vaults } = this.#options;
    const submit = async (inTime: AbortSignal): Promise<string> => {
      const row = this.#row();
      const file = await this.#writeTask(sky, row, mount);
      // Now, not when a request is found again: what is written down is what this one mounts.
      if (mount) await vaults.prepareForMount(vaultsOf(row), inTime);
      return sky.launch(row.name, file, { fast, signal: inTime });
    };
    const ask = { stage, verb: 'launch', what, submit, isDone: isUp, tellsAll: false } as const;
    return requests.run(context, sky, ask, signal);
  }

  async #writeTask(sky: Sky, { config, name, cloud, use_spot }: ClusterRow, mount: boolean): Promise<string> {
    const { taskFolder } = this.#options;
    const place = cloud ?? config.cloud ?? null;
    const spot = cloud === null ? (config.use_spot ?? false) : use_spot;
    // Where SkyPilot chooses the cloud of a Spot machine, it may be one that cannot stop it.
    const down = place === null ? spot : !sky.canStop(place, spot);
    await mkdir(taskFolder, { recursive: true, mode: 0o700 });
    const file = join(taskFolder, 'task.yaml');
    await writeFileAtomic(file, taskYaml({ ...config, name }, { down, mount }));
    return file;
  }

  /** Copies files into the vaults that were changed on the server, where that was asked; answers a sentence on it. */
  async #keep({ context, sky, signal }: Work, stage: string): Promise<string> {
    const { files, records } = this.#options;
    const row = this.#row();
    if (row.asked?.server_changes !== 'keep') return '';
    const count = await context.step(`${stage}.keep`, () => files.keep(row, sky, signal));
    // Not once more after a crash: what was copied differs from what was synced.
    records.change({ asked: { ...row.asked, server_changes: 'discard' } });
    return count === 0 ? '' : ` Copied from the server into the vaults: ${countFiles(count)}.`;
  }

  /** Remembers what is on the server now. */
  async #recordSync(row: ClusterRow, signal: AbortSignal): Promise<Partial<ClusterRow>> {
    if (Object.keys(vaultsOf(row)).length === 0) return {};
    const synced_at = timestamp();
    await this.#options.vaults.recordSync(vaultsOf(row), synced_at, signal);
    return { synced_at };
  }

  /** Records that half of a server is there after cancelling; answers the line that says so. */
  #leave(context: OperationContext, record: SkyRecord, said: string, verb: ClusterVerb): string {
    const row = this.#conclude(context, record, {});
    const message = `${said} ${whatIsLeft(row)}`;
    const details = { verb, left: record.status, launched_at: record.launchedAt };
    this.#options.records.change({ status: 'error', error: { code: 'CONFLICT', message, details } });
    return message;
  }

  /** Writes what the operation has come to. The request's id stays: after a crash it is asked how it ended. */
  #conclude(context: OperationContext, record: SkyRecord | undefined, change: Partial<ClusterRow>): ClusterRow {
    const { records, observer } = this.#options;
    observer.settle(context.operation.id);
    const seen = { record, requests: [], operation: undefined, now: timestamp() };
    const row = derive({ ...this.#row(), error: null }, seen);
    const added = row.status === 'no_server' ? {} : change;
    return records.put({ ...row, note: null, ...added, asked: null });
  }

  #row(): ClusterRow {
    return this.#options.records.row();
  }
}

function notSynced(changed: number | null): string {
  if (changed === null) {
    return 'The vaults were not synced: the server cannot be asked which files were changed there. Sync when it answers.';
  }
  const files = changed === 1 ? '1 file was' : `${changed} files were`;
  return `The vaults were not synced: ${files} changed on the server, and would be overwritten. Sync to decide on them.`;
}

function countFiles(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}
