/** Commands on workshops: try, create, start, stop, delete, and the link to join by. */
import { randomUUID } from 'node:crypto';
import type * as vscode from 'vscode';
import type { ControlPlaneClient } from '../../client/control-plane.ts';
import { editorLinkParts, EXTENSION_ID, formatJoinLink, parseJoinLink } from '../../protocol/join-link.ts';
import { workshopSubject, type CreatedWorkshop } from '../../protocol/operation.ts';
import { providerSchema, runtimeSchema, type CreateWorkshop, type Workshop } from '../../protocol/workshop.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { CreateDefaults } from '../model/create-form.ts';
import { deletionLosses } from '../model/losses.ts';
import type { WorkshopsNode } from '../model/nodes.ts';
import { runningOperationOf, seatsOf, workshopsOf } from '../model/state.ts';
import type { OperationRunner } from '../operation-runner.ts';
import { parseCreateArgument, parseTarget } from './arguments.ts';
import { askForWorkshop } from './create-dialog.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { Picker } from './pick.ts';
import type { CommandHandlers } from './register.ts';

export interface WorkshopCommandParts {
  readonly vs: typeof vscode;
  readonly service: ControlPlaneService;
  readonly operations: OperationRunner;
  readonly picker: Picker;
  /** Selects a row of the tree, as soon as it is there. */
  readonly reveal: (node: WorkshopsNode) => void;
}

/** How long the form may wait for what seats can be. */
const RUNTIMES_MS = 3_000;

type WorkshopCommandId =
  | 'carapace.tryLocal'
  | 'carapace.createWorkshop'
  | 'carapace.startWorkshop'
  | 'carapace.stopWorkshop'
  | 'carapace.deleteWorkshop'
  | 'carapace.copyJoinLink';

export function workshopCommands(parts: WorkshopCommandParts): Pick<CommandHandlers, WorkshopCommandId> {
  return {
    'carapace.tryLocal': () => tryLocal(parts),
    'carapace.createWorkshop': async (argument) => {
      const request = parseCreateArgument(argument) ?? (await ask(parts));
      return request === undefined ? CANCELLED : create(parts, request);
    },
    'carapace.startWorkshop': async (argument) => {
      const workshop = await parts.picker.workshop(parseTarget(argument), 'startable');
      return workshop === undefined ? CANCELLED : start(parts, workshop);
    },
    'carapace.stopWorkshop': async (argument) => {
      const workshop = await parts.picker.workshop(parseTarget(argument), 'stoppable');
      if (workshop === undefined) return CANCELLED;
      const title = parts.vs.l10n.t('Stopping "{0}"', workshop.name);
      return parts.operations.run(title, async (client) => ({ operation: await client.stopWorkshop(workshop.id) }));
    },
    'carapace.deleteWorkshop': (argument) => remove(parts, argument),
    'carapace.copyJoinLink': (argument) => copyJoinLink(parts, argument),
  };
}

function ask({ vs, service }: WorkshopCommandParts): Promise<CreateWorkshop | undefined> {
  return askForWorkshop(vs, {
    defaults: configuredDefaults(vs),
    // The form does without where it takes long or cannot be told.
    runtimes: async () => {
      const signal = AbortSignal.timeout(RUNTIMES_MS);
      try {
        return await (await service.client(signal)).runtimes(signal);
      } catch {
        return undefined;
      }
    },
  });
}

/** A value that is no runtime or provider, such as one from a later version, counts as the default. */
function configuredDefaults(vs: typeof vscode): CreateDefaults {
  const settings = vs.workspace.getConfiguration('carapace');
  const runtime = runtimeSchema.safeParse(settings.get('workshop.runtime'));
  const provider = providerSchema.safeParse(settings.get('workshop.provider'));
  return { runtime: runtime.success ? runtime.data : 'auto', provider: provider.success ? provider.data : 'local' };
}

/** One seat on this machine; the one that an earlier try has left is used again. */
async function tryLocal(parts: WorkshopCommandParts): Promise<Outcome> {
  const { vs, operations } = parts;
  const name = vs.l10n.t('My first seat');
  const idempotencyKey = randomUUID();
  const begin = async (client: ControlPlaneClient, cancelled: AbortSignal): Promise<CreatedWorkshop> => {
    const begun = await beginTry(parts, client, name, idempotencyKey);
    // The selected row shows its icons: the terminal is one press away.
    if (!cancelled.aborted) parts.reveal({ kind: 'seat', workshop: begun.workshop.id, seat: 1 });
    return begun;
  };
  return operations.run(vs.l10n.t('Creating "{0}"', name), begin, { isRepeatable: true });
}

async function beginTry(
  { vs, service }: WorkshopCommandParts,
  client: ControlPlaneClient,
  name: string,
  idempotencyKey: string,
): Promise<CreatedWorkshop> {
  await service.connected();
  const workshop = workshopsOf(service.state).find((one) => one.name === name && one.provider === 'local');
  switch (workshop?.status) {
    case 'running':
      return { workshop, operation: null };
    case 'provisioning':
      return { workshop, operation: runningOperationOf(service.state, workshopSubject(workshop.id)) };
    case 'created':
    case 'stopped':
      return { workshop, operation: await client.startWorkshop(workshop.id) };
    default: {
      const { runtime } = configuredDefaults(vs);
      return client.createWorkshop({ name, seats: 1, provider: 'local', runtime }, { idempotencyKey });
    }
  }
}

async function create(parts: WorkshopCommandParts, request: CreateWorkshop): Promise<Outcome<CreatedWorkshop>> {
  const t = parts.vs.l10n.t;
  const idempotencyKey = randomUUID();
  const title = request.name === undefined ? t('Creating a workshop') : t('Creating "{0}"', request.name);
  const begin = async (client: ControlPlaneClient, cancelled: AbortSignal): Promise<CreatedWorkshop> => {
    const created = await client.createWorkshop(request, { idempotencyKey });
    if (!cancelled.aborted) parts.reveal({ kind: 'workshop', workshop: created.workshop.id });
    return created;
  };
  return parts.operations.run(title, begin, { isRepeatable: true });
}

async function start(parts: WorkshopCommandParts, workshop: Workshop): Promise<Outcome> {
  const title = parts.vs.l10n.t('Starting "{0}"', workshop.name);
  return parts.operations.run(title, async (client) => ({ operation: await client.startWorkshop(workshop.id) }));
}

async function remove(parts: WorkshopCommandParts, argument: unknown): Promise<Outcome> {
  const { vs, service, operations, picker } = parts;
  const t = vs.l10n.t;
  const target = parseTarget(argument);
  const workshop = await picker.workshop(target, 'deletable');
  if (workshop === undefined) return CANCELLED;
  if (target.confirmed !== true) {
    const detail = deletionLosses(workshop, seatsOf(service.state, workshop.id), t);
    const yes = t('Delete');
    const question = t('Delete "{0}"?', workshop.name);
    if ((await vs.window.showWarningMessage(question, { modal: true, detail }, yes)) !== yes) return CANCELLED;
  }
  return operations.run(t('Deleting "{0}"', workshop.name), async (client) => ({
    operation: await client.deleteWorkshop(workshop.id),
  }));
}

/** The code stands behind `#`, which is never sent to a server. */
async function copyJoinLink({ vs, service, picker }: WorkshopCommandParts, argument: unknown): Promise<Outcome> {
  const t = vs.l10n.t;
  const target = parseTarget(argument);
  const workshop = await picker.workshop(target, 'joinable');
  if (workshop === undefined) return CANCELLED;
  if (service.url === undefined) await service.connected();
  // A server for others knows under which address they find it.
  const link = workshop.join_link ?? formatJoinLink(service.url ?? '', workshop.code);
  if (target.editor === true) {
    const editorLink = await editorLinkOf(vs, link);
    await vs.env.clipboard.writeText(editorLink);
    void vs.window.showInformationMessage(
      t('The link that opens "{0}" in an editor is in the clipboard.', workshop.name),
    );
    return ok(editorLink);
  }
  await vs.env.clipboard.writeText(link);
  void offerEditorLink(vs, workshop, link);
  return ok(link);
}

/** Says what the link is good for; the one that opens in an editor is a press away. */
async function offerEditorLink(
  { commands, l10n, window }: typeof vscode,
  { id, name }: Workshop,
  link: string,
): Promise<void> {
  const t = l10n.t;
  const where = isLoopback(new URL(link).hostname)
    ? t('It works on this machine only.')
    : t('Everybody with the link can take a seat.');
  const other = t('Copy Editor Link Instead');
  const text = t('The link to join "{0}" is in the clipboard. {1}', name, where);
  const chosen = await window.showInformationMessage(text, other);
  if (chosen === other) await commands.executeCommand('carapace.copyJoinLink', { workshop: id, editor: true });
}

/** The link that opens this kind of editor; through a browser's server, where the editor runs in one. */
async function editorLinkOf({ env, Uri }: typeof vscode, link: string): Promise<string> {
  const { server = '', code } = parseJoinLink(link);
  const place = { scheme: env.uriScheme, authority: EXTENSION_ID, path: '/join' };
  return (await env.asExternalUri(Uri.from({ ...place, ...editorLinkParts(server, code) }))).toString();
}
