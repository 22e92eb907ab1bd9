import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainText } from '../../../../../src/agent/vmm/qemu/console.ts';
import { parseProcessor } from '../../../../../src/agent/vmm/qemu/host.ts';
import { machineFiles, prepareFiles } from '../../../../../src/agent/vmm/qemu/machine-files.ts';
import { filledRuns } from '../../../../../src/agent/vmm/qemu/memory-file.ts';
import { isTooOld, parseVersion } from '../../../../../src/agent/vmm/qemu/qemu-version.ts';
import { findProgram, imageFaults, requireParts } from '../../../../../src/agent/vmm/qemu/requirements.ts';
import { UnavailableError } from '../../../../../src/protocol/errors.ts';

const CPUINFO = `processor\t: 0
model name\t: Intel(R) Xeon(R) Processor @ 2.60GHz
cpu MHz\t\t: 2599.998
flags\t\t: fpu vme

processor\t: 1
model name\t: Other
cpu MHz\t\t: 800.000
`;

describe('what QEMU needs to know of its host', () => {
  let folder: string;

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'carapace-qemu-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads the first processor', () => {
    const expected = { model: 'Intel(R) Xeon(R) Processor @ 2.60GHz', flags: 'fpu vme', kiloHertz: 2_599_998 };
    assert.deepEqual(parseProcessor(CPUINFO, ''), expected);
  });

  it('prefers the speed that does not change', () => {
    assert.equal(parseProcessor(CPUINFO, '2400000\n').kiloHertz, 2_400_000);
  });

  it('does without what the kernel does not say', () => {
    assert.deepEqual(parseProcessor('', ''), { model: 'unknown', flags: '', kiloHertz: undefined });
  });

  it('reads the version with the distribution’s own part', () => {
    const text = 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright (c) 2003-2022 Fabrice Bellard\n';
    assert.deepEqual(parseVersion(text), { full: '7.2.22 (Debian 1:7.2+dfsg-7)', major: 7, minor: 2 });
    assert.equal(parseVersion('Bochs 2.7'), undefined);
  });

  it('knows which versions are too old', () => {
    const old = ['6.2.0', '7.1.0', '7.2.0', '8.0.0', '10.1.2'].filter((text) =>
      isTooOld(parseVersion(`QEMU emulator version ${text}`)!),
    );
    assert.deepEqual(old, ['6.2.0', '7.1.0']);
  });

  it('finds a program on the path, or where programs are', async () => {
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    for (const each of [first, second]) mkdirSync(each);
    writeFileSync(join(second, 'nsenter'), '', { mode: 0o755 });
    assert.equal(await findProgram('nsenter', `relative:${first}:${second}`, []), join(second, 'nsenter'));
    assert.equal(await findProgram('nsenter', '', [second]), join(second, 'nsenter'));
    assert.equal(await findProgram('nsenter', first, []), undefined);
    chmodSync(join(second, 'nsenter'), 0o644);
    assert.equal(await findProgram('nsenter', second, []), undefined);
  });

  it('names every file of the image that is missing or of another size', async () => {
    const file = (name: string) => ({ name, bytes: 3, sha256: '' });
    const manifest = {
      ...{ format: 1 as const, id: 'i', version: '1', built_at: '', kernel_release: '', debian: '', node: '' },
      ...{ packages: [], kernel: file('k'), initramfs: file('i'), rootfs: file('r') },
    };
    const image = {
      folder,
      manifest,
      kernel: join(folder, 'k'),
      initramfs: join(folder, 'i'),
      rootfs: join(folder, 'r'),
    };
    writeFileSync(image.kernel, '123');
    writeFileSync(image.initramfs, '12');
    const faults = await imageFaults(image);
    assert.equal(faults.length, 2);
    assert.match(faults[0]!, /\/i has 2 bytes instead of 3/);
    assert.match(faults[1]!, /\/r is missing/);
    writeFileSync(image.initramfs, '123');
    writeFileSync(image.rootfs, '123');
    assert.deepEqual(await imageFaults(image), []);
  });

  it('tells all that is missing in one error', () => {
    requireParts('It fails', []);
    assert.throws(
      () => requireParts('It fails', ['one', 'two']),
      new UnavailableError('It fails: one; two.', { missing: ['one', 'two'] }),
    );
  });

  it('lets only QEMU’s user pass through the folder that it sees', async () => {
    const { root } = await prepareFiles(folder);
    assert.equal(statSync(root).mode & 0o777, 0o711);
  });

  it('refuses a folder that is too deep for sockets', async () => {
    const deep = join(folder, 'x'.repeat(80));
    assert.ok(machineFiles(deep).channel.length > 107);
    await assert.rejects(prepareFiles(deep), { name: 'UnavailableError', message: /SOCKET_DIR/ });
  });
});

describe('the memory of a machine', () => {
  it('is copied without its empty pages', () => {
    const page = 4096;
    const chunk = Buffer.alloc(6 * page);
    assert.deepEqual([...filledRuns(chunk)], []);
    chunk[page] = 1;
    chunk[3 * page - 1] = 1;
    chunk[6 * page - 1] = 1;
    assert.deepEqual(
      [...filledRuns(chunk)].map(({ start, end }) => [start / page, end / page]),
      [
        [1, 3],
        [5, 6],
      ],
    );
  });
});

describe('the text of a console', () => {
  it('has nothing left that moves a cursor or changes a colour', () => {
    assert.equal(plainText('\u001b[31;1mred\u001b[0m\r\n\u001b[2J\u0007a\tb\u009bc'), 'red\na\tbc');
  });
});
