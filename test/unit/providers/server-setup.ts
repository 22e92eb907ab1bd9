/** The commands on the server over a control plane and a person in memory. */
import assert from 'node:assert/strict';
import type * as vscode from 'vscode';
import type { ControlPlaneClient } from '../../../src/client/control-plane.ts';
import type {
  Cluster,
  ClusterCheck,
  EndCluster,
  LaunchCluster,
  SyncCluster,
  VaultReport,
} from '../../../src/protocol/cluster.ts';
import type { Operation, OperationKind } from '../../../src/protocol/operation.ts';
import { reachCommands } from '../../../src/providers/commands/reach-commands.ts';
import { serverCommands } from '../../../src/providers/commands/server-commands.ts';
import type { ServerParts } from '../../../src/providers/commands/server-parts.ts';
import { toolCommands } from '../../../src/providers/commands/tool-commands.ts';
import { vaultCommands } from '../../../src/providers/commands/vault-commands.ts';
import type { ControlPlaneService } from '../../../src/providers/control-plane-service.ts';
import { EMPTY_STATE, withCluster } from '../../../src/providers/model/state.ts';
import { OperationRunner } from '../../../src/providers/operation-runner.ts';
import type { VaultFolders } from '../../../src/providers/server/vault-folders.ts';
import { fakeVscode } from './fake-vscode.ts';
import { at, cluster, clusterCheck, launchPlan, offer, operation, vaultReport } from './fixtures.ts';

/** What a person has been asked, and the answers that are ready. */
export interface Question {
  readonly text: string;
  readonly detail: string;
  readonly buttons: readonly string[];
}

export class ServerSetUp {
  cluster: Cluster | undefined = cluster({ status: 'no_server', billed: 'nothing' });
  check: ClusterCheck = clusterCheck();
  reports: VaultReport[] = [vaultReport()];
  /** Thrown by the next stop, destroy, or sync that says `refuse`, and by the next launch. */
  refusal: Error | undefined;
  ended: Partial<Operation> = { status: 'succeeded' };
  settings: Record<string, unknown> = {};
  extensions: { id: string; packageJSON: unknown }[] = [];
  /** Which item of each pick list is taken; without one the active or first item. */
  picks: string[] = [];
  answers: (string | undefined)[] = [];

  readonly asked: Question[] = [];
  readonly picked: string[][] = [];
  readonly launches: LaunchCluster[] = [];
  readonly ends: [verb: 'stop' | 'destroy', EndCluster][] = [];
  readonly syncs: SyncCluster[] = [];
  readonly executed: unknown[][] = [];
  readonly terminals: (vscode.TerminalOptions & { sent: string[] })[] = [];
  clipboard = '';

  readonly client = {
    checkCluster: () => Promise.resolve(this.check),
    listOffers: () => Promise.resolve([offer(), offer({ region: 'us-west-2', price_per_hour: 0.18 })]),
    planCluster: () => Promise.resolve(launchPlan()),
    launchCluster: (wish: LaunchCluster) => {
      this.launches.push(wish);
      return this.#begin('cluster.launch', true);
    },
    startCluster: () => {
      this.cluster = cluster();
      return this.#begin('cluster.start', false);
    },
    stopCluster: (how: EndCluster) => {
      this.ends.push(['stop', how]);
      return this.#begin('cluster.stop', how.server_changes === 'refuse');
    },
    destroyCluster: (how: EndCluster) => {
      this.ends.push(['destroy', how]);
      return this.#begin('cluster.destroy', how.server_changes === 'refuse');
    },
    syncCluster: (how: SyncCluster) => {
      this.syncs.push(how);
      return this.#begin('cluster.sync', how.server_changes === 'refuse');
    },
    setAutostop: (minutes: number) => Promise.resolve(cluster({ autostop_minutes: minutes })),
    inspectVaults: () => Promise.resolve(this.reports),
    prepareSsh: () => Promise.resolve(cluster()),
    operationEvents: () => nothing(),
    getOperation: () => Promise.resolve(operation({ ended_at: at(1), ...this.ended })),
  } as unknown as ControlPlaneClient;

  readonly vs = {
    ...fakeVscode,
    Uri: {
      from: (parts: object) => ({ ...parts, toString: () => JSON.stringify(parts) }),
      file: (path: string) => path,
    },
    ThemeIcon: Object,
    QuickInputButtons: { Back: {} },
    UIKind: { Desktop: 1, Web: 2 },
    commands: {
      executeCommand: (...all: unknown[]) => {
        this.executed.push(all);
        return Promise.resolve(undefined);
      },
    },
    env: {
      appName: 'Visual Studio Code',
      clipboard: { writeText: (text: string) => Promise.resolve(void (this.clipboard = text)) },
    },
    extensions: this.#extensions(),
    workspace: { getConfiguration: () => ({ get: (name: string) => this.settings[name] }) },
    window: {
      withProgress: (_options: unknown, task: (progress: unknown, token: unknown) => Promise<unknown>) =>
        task({ report: () => undefined }, { onCancellationRequested: () => ({ dispose: () => undefined }) }),
      showInformationMessage: (...all: unknown[]) => this.#ask(all),
      showWarningMessage: (...all: unknown[]) => this.#ask(all),
      showQuickPick: (items: (vscode.QuickPickItem & object)[]) => Promise.resolve(this.#pick(items, items[0])),
      createQuickPick: () => this.#quickPick(),
      createTerminal: (options: vscode.TerminalOptions) => {
        const sent: string[] = [];
        this.terminals.push({ ...options, sent });
        return { show: () => undefined, sendText: (text: string) => sent.push(text) };
      },
    },
  };

  readonly handlers = this.#handlers();

  #handlers() {
    const vs = this.vs as unknown as typeof vscode;
    const setUp = () => this;
    const service = {
      get state() {
        const { cluster: now } = setUp();
        return now === undefined ? EMPTY_STATE : withCluster(EMPTY_STATE, now);
      },
      client: () => Promise.resolve(this.client),
      connected: () => Promise.resolve(this.client),
      refresh: () => Promise.resolve(),
      tellCluster: (told: Cluster) => (this.cluster = told),
    } as unknown as ControlPlaneService;
    const vaults = {
      look: () => Promise.resolve(),
      launchPaths: () => ({ public: '/home/me/data/public' }),
    } as unknown as VaultFolders;
    const log = { info: () => undefined, warn: () => undefined };
    const operations = new OperationRunner(vs, service, log);
    const parts: ServerParts = { vs, service, operations, vaults, log };
    return {
      ...serverCommands(parts),
      ...vaultCommands({ ...parts, showVault: () => Promise.resolve() }),
      ...reachCommands(parts),
      ...toolCommands(parts),
    };
  }

  #extensions() {
    const all = () => this.extensions;
    return {
      get all() {
        return all();
      },
    };
  }

  #begin(kind: OperationKind, mayRefuse: boolean): Promise<Operation> {
    const { refusal } = this;
    if (refusal === undefined || !mayRefuse) return Promise.resolve(operation({ kind }));
    this.refusal = undefined;
    return Promise.reject(refusal);
  }

  /** The answer is the name of a button; a message without buttons needs none. */
  #ask([text, ...rest]: unknown[]): Promise<unknown> {
    const options = rest.find((one) => typeof one === 'object') as { detail?: string } | undefined;
    const buttons = rest.filter((one) => typeof one === 'string');
    if (buttons.length === 0) return Promise.resolve(undefined);
    this.asked.push({ text: String(text), detail: options?.detail ?? '', buttons });
    assert.ok(this.answers.length > 0, `nobody answers "${String(text)}"`);
    const answer = this.answers.shift();
    assert.ok(answer === undefined || buttons.includes(answer), `there is no button "${answer}": ${buttons.join()}`);
    return Promise.resolve(answer);
  }

  #pick<T extends vscode.QuickPickItem>(items: readonly T[], active: T | undefined): T | undefined {
    this.picked.push(items.map(({ label }) => label));
    const wanted = this.picks.shift();
    return wanted === undefined ? active : items.find(({ label }) => label === wanted);
  }

  /** A pick list in which somebody presses Enter as soon as it shows. */
  #quickPick() {
    let accept: () => void = () => undefined;
    const never = () => ({ dispose: () => undefined });
    const list = {
      items: [] as vscode.QuickPickItem[],
      activeItems: [] as vscode.QuickPickItem[],
      selectedItems: [] as (vscode.QuickPickItem | undefined)[],
      onDidAccept: (listener: () => void) => {
        accept = listener;
        return { dispose: () => undefined };
      },
      onDidTriggerButton: never,
      onDidHide: never,
      show: () => {
        list.selectedItems = [this.#pick(list.items, list.activeItems[0] ?? list.items[0])];
        accept();
      },
      dispose: () => undefined,
    };
    return list;
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- a generator that has nothing to say
async function* nothing(): AsyncGenerator<never> {
  yield* [];
}
