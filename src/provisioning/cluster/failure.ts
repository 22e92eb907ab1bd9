/** What is told of an operation that failed or was cancelled. Pure. */
import type { ClusterRow } from '../store/cluster.ts';
import { describeMachine } from './resource.ts';

/** A sentence on what is there and what it costs, after something failed or was cancelled. */
export function whatIsLeft(row: ClusterRow): string {
  const machine = row.instance_type === null ? 'A machine' : `A machine (${describeMachine(row)})`;
  const left: Readonly<Record<ClusterRow['billed'], string>> = {
    nothing: 'Nothing of it is left, and nothing is billed.',
    disk: 'The machine is stopped; its disk is kept and billed.',
    machine: `${machine} is there and billed: Destroy removes it.`,
    unknown: 'It cannot be known whether a machine is billed: Destroy removes it for certain.',
  };
  return left[row.billed];
}
