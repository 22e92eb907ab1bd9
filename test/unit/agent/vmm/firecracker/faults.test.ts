import assert from 'node:assert/strict';
import { endingInWords, refusal } from '../../../../../src/agent/vmm/firecracker/faults.ts';
import { ConflictError, DiskFullError, NoCapacityError, UnavailableError } from '../../../../../src/protocol/errors.ts';

describe('what Firecracker refuses', () => {
  const cases = [
    {
      fault: 'Create snapshot error: Cannot write memory file: No space left on device (os error 28)',
      error: DiskFullError,
      says: /disk is full/,
    },
    {
      fault: 'Start microvm error: Invalid Memory Configuration: Cannot allocate memory (os error 12)',
      error: NoCapacityError,
      says: /no memory left/,
    },
    {
      fault: 'The requested operation is not supported after starting the microVM.',
      error: ConflictError,
      says: /another state/,
    },
    {
      fault: 'Load snapshot error: Loading a microVM snapshot not allowed after configuring boot-specific resources.',
      error: ConflictError,
      says: /another state/,
    },
    {
      fault: 'Start microvm error: Error creating KVM object: No such file or directory (os error 2)',
      error: UnavailableError,
      says: /nested virtualization/,
    },
    {
      fault: 'Could not create the network device: Open tap device failed: Device or resource busy (os error 16).',
      error: UnavailableError,
      says: /network device \(TAP\)/,
    },
    {
      fault: 'Failed to build microVM from snapshot: Could not set TSC scaling within the snapshot',
      error: UnavailableError,
      says: /does not fit this worker/,
    },
    {
      fault: 'Boot source error: The kernel file cannot be opened: No such file or directory (os error 2)',
      error: UnavailableError,
      says: /Build the images again/,
    },
    { fault: 'Something new.', error: UnavailableError, says: /Something new\.$/ },
  ];
  for (const { fault, error, says } of cases) {
    it(`is a ${error.name} for "${fault.slice(0, 60)}"`, () => {
      const told = refusal('PUT /x', 400, fault);
      assert.ok(told instanceof error, told.name);
      assert.match(told.message, says);
      assert.ok(told.message.includes(fault));
      assert.deepEqual(told.details, { request: 'PUT /x', status: 400, fault_message: fault });
    });
  }
});

describe('how Firecracker ended', () => {
  it('is told in words', () => {
    assert.match(endingInWords(0, null), /switched off or restarted from inside \(exit code 0\)/);
    assert.match(endingInWords(148, null), /seccomp/);
    assert.match(endingInWords(152, null), /configuration/);
    assert.match(endingInWords(153, null), /arguments/);
    assert.equal(endingInWords(77, null), 'exit code 77');
    assert.match(endingInWords(null, 'SIGKILL'), /killed/);
    assert.match(endingInWords(null, 'SIGTERM'), /SIGTERM/);
  });
});
