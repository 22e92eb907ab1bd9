/** The command that tries the cloud server from launch to destroy: the QA playbook, in a terminal that shows its checks. */
import type * as vscode from 'vscode';
import { runAsNode } from '../../lib/child-environment.ts';
import type { LaunchCluster } from '../../protocol/cluster.ts';
import { configuredLaunch } from '../server/settings.ts';
import { ok } from './outcome.ts';
import type { CommandHandlers } from './register.ts';

type Vs = Pick<typeof vscode, 'window' | 'workspace' | 'l10n'>;

/** @param program the path of dist/cli.cjs */
export function playbookCommand(vs: Vs, program: string): Pick<CommandHandlers, 'carapace.runPlaybook'> {
  return {
    'carapace.runPlaybook': () => {
      // It shows the price there and asks before it launches anything.
      const terminal = vs.window.createTerminal({
        name: vs.l10n.t('QA Playbook'),
        shellPath: process.execPath,
        shellArgs: [program, 'qa', ...machineArguments(configuredLaunch(vs))],
        env: runAsNode(),
      });
      terminal.show();
      return Promise.resolve(ok(null));
    },
  };
}

/** The options of `carapace qa` for a machine like that; the cluster keeps its configured name. */
export function machineArguments(wish: LaunchCluster): string[] {
  const options: Readonly<Record<string, string | number | null | undefined>> = {
    '--name': wish.name,
    '--cloud': wish.cloud,
    '--region': wish.region,
    '--instance-type': wish.instance_type,
    '--cpus': wish.cpus,
    '--memory': wish.memory,
    '--disk-size': wish.disk_size,
    '--autostop': wish.autostop_minutes,
    '--sky-path': wish.sky_path,
  };
  const given = Object.entries(options).flatMap(([option, value]) =>
    value === undefined || value === null ? [] : [option, String(value)],
  );
  return wish.use_spot === true ? [...given, '--spot'] : given;
}
