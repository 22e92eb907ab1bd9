import assert from 'node:assert/strict';
import { nameIn, parseVersion, propertiesOf, scopeOf, wrapInScope } from '../../../../src/agent/limits/systemd.ts';
import { InvalidInputError } from '../../../../src/protocol/errors.ts';

describe('scopes of systemd', () => {
  it('are named so that the name can be read again, and nobody else’s is taken for one', () => {
    assert.equal(scopeOf('me', 'ws-abc-12'), 'clarateach-seat-me-ws-abc-12.scope');
    assert.equal(nameIn('me', 'clarateach-seat-me-ws-abc-12.scope'), 'ws-abc-12');
    assert.equal(nameIn('me', 'clarateach-seat-you-ws-abc-12.scope'), undefined);
    assert.equal(nameIn('me', 'clarateach-seat-me-x.service'), undefined);
    assert.equal(nameIn('me', 'session-1.scope'), undefined);
  });

  it('refuse names that could mean something else', () => {
    for (const name of ['', '.', '../x', 'a/b', 'A', 'a b', '-a', 'a-', 'a\n', 'x'.repeat(65)])
      assert.throws(() => scopeOf('me', name), InvalidInputError, JSON.stringify(name));
    assert.equal(scopeOf('me', 'x'.repeat(64)), `clarateach-seat-me-${'x'.repeat(64)}.scope`);
  });

  it('wrap a command with its bounds, and leave its arguments as they are', () => {
    const wrapped = wrapInScope(scopeOf('me', 'one'), propertiesOf({ memoryMb: 300, cpus: 1.5, processes: 64 }, 252), [
      'qemu',
      '-M',
      'a b',
      '$HOME',
      '%n',
    ]);
    const end = wrapped.indexOf('--');
    assert.deepEqual(wrapped.slice(end + 1), ['qemu', '-M', 'a b', '$HOME', '%n']);
    const options = wrapped.slice(0, end);
    assert.equal(options[0], 'systemd-run');
    for (const option of ['--scope', '--slice=clarateach-seats.slice', '--unit=clarateach-seat-me-one.scope'])
      assert.ok(options.includes(option), option);
    const properties = options.filter((_, index) => options[index - 1] === '--property');
    assert.deepEqual(properties.toSorted(), [
      'CPUAccounting=yes',
      'CPUQuota=150%',
      'MemoryMax=300M',
      'MemorySwapMax=0',
      'OOMPolicy=continue',
      'TasksMax=64',
    ]);
  });

  it('leave out what an older systemd would refuse', () => {
    const bounds = { memoryMb: 1, cpus: 1, processes: 1 };
    assert.equal(parseVersion('systemd 252 (252.39-1~deb12u2)\n+PAM'), 252);
    assert.equal(parseVersion('not systemd 252'), undefined);
    assert.ok(propertiesOf(bounds, 252).includes('OOMPolicy=continue'));
    assert.ok(!propertiesOf(bounds, 249).some((property) => property.startsWith('OOMPolicy')));
  });
});
