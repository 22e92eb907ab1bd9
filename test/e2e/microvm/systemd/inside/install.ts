/** Installs a worker by its installer, as a person would, and looks at what it did. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallFacts, Ran } from '../facts.ts';
import { INPUT, outputOf, run } from './tools.ts';

export const UNIT = 'clarateach-agent.service';

/** Of the unit, as systemd has understood it. */
const PROPERTIES = [
  ...['Type', 'Restart', 'RestartUSec', 'KillMode', 'OOMPolicy', 'RuntimeDirectoryPreserve', 'RuntimeDirectoryMode'],
  ...[
    'Delegate',
    'PrivateTmp',
    'PrivateDevices',
    'PrivateMounts',
    'ProtectSystem',
    'ProtectHome',
    'MemoryDenyWriteExecute',
  ],
  ...['NoNewPrivileges', 'Environment'],
];

/** What the installer makes. */
const MADE = [
  `/etc/systemd/system/${UNIT}`,
  '/usr/local/lib/clarateach',
  '/usr/local/bin/agent',
  '/usr/local/bin/firecracker',
];

/** A folder of images that is right by its manifest; nothing boots them here. */
function playImages(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const manifest: Record<string, unknown> = { format: 1, id: 'played' };
  for (const name of ['kernel', 'initramfs', 'rootfs']) {
    writeFileSync(join(folder, name), `the ${name}\n`);
    manifest[name] = { name, sha256: createHash('sha256').update(`the ${name}\n`).digest('hex') };
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

function install(...options: string[]): Promise<Ran> {
  return run(join(INPUT, 'images/worker/install'), ...options);
}

async function startSwap(): Promise<string> {
  const disks = readdirSync('/sys/block').filter((name) => name.startsWith('vd'));
  const disk = disks.find((name) => readFileSync(`/sys/block/${name}/serial`, 'utf8').trim() === 'swap');
  await run('mkswap', `/dev/${disk}`);
  await run('swapon', `/dev/${disk}`);
  return outputOf('swapon', '--show', '--noheadings');
}

function pairOf(line: string): [string, string] {
  const end = line.indexOf('=');
  return [line.slice(0, end), line.slice(end + 1)];
}

export async function installWorker(): Promise<InstallFacts> {
  playImages('/root/images');
  playImages('/root/bad-images');
  writeFileSync('/root/bad-images/rootfs', 'another\n');
  writeFileSync('/sys/kernel/mm/ksm/run', '1');
  const swapBefore = await startSwap();
  const withoutImages = await install();
  const withBadImages = await install('--images', '/root/bad-images');
  const forFirecracker = [
    '--runtime',
    'firecracker',
    '--images',
    '/root/images',
    '--firecracker',
    '/root/images/kernel',
  ];
  const withoutKvm = await install(...forFirecracker);
  // The file that is there leads to no device.
  rmSync('/dev/kvm', { force: true });
  // One that opens, as KVM does where the processor has it.
  await run('mknod', '/dev/kvm', 'c', '1', '3');
  const withBadFirecracker = await install(...forFirecracker);
  rmSync('/dev/kvm');
  const touched = MADE.some((path) => existsSync(path));
  const first = await install('--images', '/root/images');
  const second = await install('--images', '/root/images');
  const properties = (await outputOf('systemctl', 'show', UNIT, '--property', PROPERTIES.join(','))).split('\n');
  return {
    withoutImages,
    withBadImages,
    withoutKvm,
    withBadFirecracker,
    touched,
    first,
    second,
    enabled: await outputOf('systemctl', 'is-enabled', UNIT),
    verify: await run('systemd-analyze', 'verify', `/etc/systemd/system/${UNIT}`),
    swapBefore,
    swapAfter: await outputOf('swapon', '--show', '--noheadings'),
    ksm: readFileSync('/sys/kernel/mm/ksm/run', 'utf8').trim(),
    properties: Object.fromEntries(properties.map(pairOf)),
  };
}
