/** A server that is this machine: the commands are the real ones. */
import { cleanEnvironment } from '../../../../../src/lib/child-environment.ts';
import { runProgram, type RemoteShell } from '../../../../../src/provisioning/cluster/vaults/remote-shell.ts';

export const notAborted = new AbortController().signal;

/** Runs commands here. @param environment beside that of this process */
export function localShell(environment: Readonly<Record<string, string>> = {}): RemoteShell {
  const all = { ...cleanEnvironment(), ...environment };
  return { run: (command, request) => runProgram('bash', ['-c', command], all, request) };
}
