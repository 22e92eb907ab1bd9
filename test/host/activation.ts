/** How long VS Code waits for Carapace to be activated, in milliseconds: into the file that the variable names. */
import { writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { PROGRAM_BEGINS } from './begin.ts';

export const ACTIVATION_FILE = 'CARAPACE_ACTIVATION_FILE';

export async function run(): Promise<void> {
  console.log(PROGRAM_BEGINS);
  const extension = vscode.extensions.getExtension('carapace.carapace');
  const file = process.env[ACTIVATION_FILE];
  if (extension === undefined || file === undefined) throw new Error('Carapace or the file is missing.');
  if (extension.isActive) throw new Error('Carapace is active before anybody has asked for it.');
  const begun = performance.now();
  await extension.activate();
  writeFileSync(file, String(performance.now() - begun));
}
