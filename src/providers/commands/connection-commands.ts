/** Commands on the connection, on what is under way, and on the log. */
import type * as vscode from 'vscode';
import type { ControlPlaneService } from '../control-plane-service.ts';
import type { Learners } from '../learner/learners.ts';
import { parseTarget } from './arguments.ts';
import { CANCELLED, ok, type Outcome } from './outcome.ts';
import type { Picker } from './pick.ts';
import type { CommandHandlers } from './register.ts';

export interface ConnectionCommandParts {
  readonly vs: typeof vscode;
  readonly service: ControlPlaneService;
  readonly learners: Pick<Learners, 'all' | 'poke'>;
  readonly picker: Picker;
  readonly log: vscode.LogOutputChannel;
}

type ConnectionCommandId =
  'carapace.cancelOperation' | 'carapace.refresh' | 'carapace.retryConnection' | 'carapace.showLog';

export function connectionCommands(parts: ConnectionCommandParts): Pick<CommandHandlers, ConnectionCommandId> {
  return {
    'carapace.cancelOperation': (argument) => cancelOperation(parts, argument),
    'carapace.refresh': async () => {
      parts.learners.poke();
      await parts.service.refresh();
      return ok(undefined);
    },
    'carapace.retryConnection': () => connect(parts),
    'carapace.showLog': () => {
      parts.log.show();
      return Promise.resolve(ok(undefined));
    },
  };
}

async function cancelOperation({ service, picker }: ConnectionCommandParts, argument: unknown): Promise<Outcome> {
  const operation = await picker.operation(parseTarget(argument));
  if (operation === undefined) return CANCELLED;
  const client = await service.client();
  return ok(await client.cancelOperation(operation.id));
}

/** Finds or starts the control plane, or asks for its token. Somebody who only learns gets none of their own. */
async function connect({ vs, service, learners }: ConnectionCommandParts): Promise<Outcome> {
  learners.poke();
  if (service.status.kind === 'absent' && learners.all.length > 0) return ok(service.url);
  const title = vs.l10n.t('Connecting to Carapace');
  const location = { viewId: 'carapace.workshops' };
  await vs.window.withProgress({ location, title }, () => service.connected());
  return ok(service.url);
}
