/** What the suites in the extension host share. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { CarapaceApi } from '../../../src/extension.ts';
import { isAlive } from '../../../src/lib/process-identity.ts';
import { statePaths, stateFolder } from '../../../src/lib/state-folder.ts';
import { daemonFileSchema } from '../../../src/protocol/daemon.ts';
import type { Workshop } from '../../../src/protocol/workshop.ts';
import type { CommandId } from '../../../src/providers/commands/command-ids.ts';
import type { Outcome } from '../../../src/providers/commands/outcome.ts';

const POLL_MS = 50;
const DEADLINE_MS = 60_000;

export async function activate(): Promise<CarapaceApi> {
  const extension = vscode.extensions.getExtension<CarapaceApi>('carapace.carapace');
  assert.ok(extension, 'Carapace is not installed in this VS Code');
  return extension.activate();
}

/** Runs one of our commands as another extension would. */
export async function run<T = unknown>(id: CommandId, argument?: unknown): Promise<Outcome<T>> {
  return vscode.commands.executeCommand<Outcome<T>>(id, argument);
}

/** The value of a command that must succeed. */
export async function succeed<T>(id: CommandId, argument?: unknown): Promise<T> {
  const outcome = await run<T>(id, argument);
  assert.ok(outcome.status === 'ok', JSON.stringify(outcome));
  return outcome.value;
}

/** The error code of a command that must fail. */
export async function failure(id: CommandId, argument?: unknown): Promise<string> {
  const outcome = await run(id, argument);
  assert.ok(outcome.status === 'error', JSON.stringify(outcome));
  return outcome.error.code;
}

/** Makes a workshop on this machine without asking. */
export async function createWorkshop(request: { name: string; seats: number }): Promise<Workshop> {
  const { workshop } = await succeed<{ workshop: Workshop }>('carapace.createWorkshop', {
    ...request,
    confirmed: true,
  });
  return workshop;
}

/** Waits for something that comes by itself. @throws naming it, after a minute */
export async function until<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
  throw new Error(`${what} did not come within ${DEADLINE_MS / 1000} s`);
}

export function seatUri(workshop: string, seat: number, path: string): vscode.Uri {
  return vscode.Uri.from({ scheme: 'carapace-seat', authority: workshop, path: `/${seat}/${path}` });
}

/** The text of a file of a seat; undefined while there is none. */
export async function readText(uri: vscode.Uri): Promise<string | undefined> {
  try {
    return Buffer.from(await vscode.workspace.fs.readFile(uri)).toString('utf8');
  } catch (error) {
    if (error instanceof vscode.FileSystemError && error.code === 'FileNotFound') return undefined;
    throw error;
  }
}

/** Waits until a file of a seat has that text: a program that writes it makes it empty first. */
export async function hasText(uri: vscode.Uri, text: string): Promise<void> {
  await until(`"${text}" in ${uri.path}`, async () => ((await readText(uri)) === text ? true : undefined));
}

/** Waits until the tree knows a workshop's status: it is told of it by another way than a command of its end. */
export async function hasStatus(api: CarapaceApi, workshop: string, status: Workshop['status']): Promise<void> {
  const find = () => api.state().workshops.get(`workshop/${workshop}`);
  await until(`the workshop to be ${status}`, () => (find()?.status === status ? true : undefined));
}

export async function writeText(uri: vscode.Uri, text: string): Promise<void> {
  await vscode.workspace.fs.writeFile(uri, Buffer.from(text, 'utf8'));
}

/** The process of the control plane that the extension has started; undefined where none runs. */
export function controlPlaneProcess(): number | undefined {
  try {
    const file = daemonFileSchema.parse(JSON.parse(readFileSync(statePaths(stateFolder()).daemonFile, 'utf8')));
    return isAlive(file) ? file.pid : undefined;
  } catch {
    return undefined;
  }
}

/** Ends the control plane, and waits until it has ended. */
export async function endControlPlane(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const pid = controlPlaneProcess();
  if (pid === undefined) return;
  process.kill(pid, signal);
  await until('the end of the control plane', () => (controlPlaneProcess() === undefined ? true : undefined));
}
