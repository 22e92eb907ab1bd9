import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type * as vscode from 'vscode';
import { launchClusterSchema } from '../../../src/protocol/cluster.ts';
import { machineArguments, playbookCommand } from '../../../src/providers/commands/playbook-command.ts';

describe('the QA playbook from the palette', () => {
  it('asks the command line for a machine as the settings have it', () => {
    const wish = launchClusterSchema.parse({ cloud: 'aws', region: null, cpus: '4+', disk_size: 50, use_spot: true });
    assert.deepEqual(machineArguments(wish), ['--cloud', 'aws', '--cpus', '4+', '--disk-size', '50', '--spot']);
    assert.deepEqual(machineArguments({}), []);
  });

  it('runs in a terminal that is shown', async () => {
    const opened: vscode.TerminalOptions[] = [];
    let shown = 0;
    const vs = {
      window: {
        createTerminal: (options: vscode.TerminalOptions) => {
          opened.push(options);
          return { show: () => (shown += 1) };
        },
      },
      workspace: {
        getConfiguration: () => ({ get: (name: string) => (name === 'cluster.cloud' ? 'gcp' : undefined) }),
      },
      l10n: { t: (text: string) => text },
    } as unknown as typeof vscode;
    await playbookCommand(vs, '/program/cli.cjs')['carapace.runPlaybook'](undefined);
    assert.equal(shown, 1);
    const words = opened[0]?.shellArgs as string[];
    assert.deepEqual(words.slice(0, 2), ['/program/cli.cjs', 'qa']);
    assert.equal(words[words.indexOf('--cloud') + 1], 'gcp');
  });
});
