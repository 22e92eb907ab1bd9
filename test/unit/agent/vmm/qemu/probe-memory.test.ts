import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProbeResult } from '../../../../../src/agent/vmm/qemu/kvm-probe.ts';
import { remembered } from '../../../../../src/agent/vmm/qemu/probe-memory.ts';

const SUBJECT = { boot_id: 'b', qemu: '7.2', image: 'i' };
const HANGS: ProbeResult = { works: false, reason: 'it hung', hung: true };

describe('what is remembered of a probe', () => {
  let folder: string;
  let file: string;
  let probes: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carapace-probe-'));
    file = join(folder, 'probe.json');
    probes = 0;
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function ask(subject = SUBJECT, result = HANGS): Promise<ProbeResult> {
    return remembered(file, subject, () => {
      probes += 1;
      return Promise.resolve(result);
    });
  }

  it('is not asked again', async () => {
    assert.deepEqual(await ask(), HANGS);
    assert.deepEqual(await ask(SUBJECT, { works: true }), HANGS);
    assert.equal(probes, 1);
    assert.deepEqual(readdirSync(folder), ['probe.json']);
  });

  it('is asked again after what failed at once, which may have been mended', async () => {
    const failed: ProbeResult = { works: false, reason: 'there was none', hung: false };
    assert.deepEqual(await ask(SUBJECT, failed), failed);
    assert.deepEqual(await ask(SUBJECT, { works: true }), { works: true });
    assert.equal(probes, 2);
  });

  for (const [what, changed] of Object.entries({
    boot_id: 'the machine was started',
    qemu: 'QEMU',
    image: 'the image',
  })) {
    it(`is asked again after a change of ${changed}`, async () => {
      await ask();
      assert.deepEqual(await ask({ ...SUBJECT, [what]: 'other' }, { works: true }), { works: true });
      assert.equal(probes, 2);
      await ask({ ...SUBJECT, [what]: 'other' });
      assert.equal(probes, 2);
    });
  }

  for (const text of ['', '{', '[]', '{"subject":{},"result":{"works":true}}', '{"works":true}']) {
    it(`is asked again where the file says ${JSON.stringify(text)}`, async () => {
      writeFileSync(file, text);
      assert.deepEqual(await ask(), HANGS);
      assert.equal(probes, 1);
      await ask();
      assert.equal(probes, 1);
    });
  }

  it('is asked each time where it cannot be written', async () => {
    file = join(folder, 'none', 'probe.json');
    await ask();
    assert.deepEqual(await ask(), HANGS);
    assert.equal(probes, 2);
  });

  it('does not remember a probe that was interrupted', async () => {
    await assert.rejects(
      remembered(file, SUBJECT, () => Promise.reject(new Error('enough'))),
      /enough/,
    );
    await ask();
    assert.equal(probes, 1);
  });
});
