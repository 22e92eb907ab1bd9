/**
 * The same tests inside the desktop edition of VS Code, which it downloads: `npm run test:desktop`, for machines with
 * open internet. CARAPACE_VSCODE_VERSION chooses another one than `stable`, such as the oldest of the manifest.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { bundleHostTests } from './bundle.ts';

const folder = mkdtempSync(join(tmpdir(), 'carapace-desktop-'));
try {
  process.exitCode = await runTests({
    version: process.env['CARAPACE_VSCODE_VERSION'] ?? 'stable',
    extensionDevelopmentPath: resolve('.'),
    extensionTestsPath: await bundleHostTests(),
    extensionTestsEnv: { CARAPACE_HOME: join(folder, 'home') },
    launchArgs: ['--disable-extensions', '--disable-workspace-trust', '--user-data-dir', join(folder, 'user')],
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
