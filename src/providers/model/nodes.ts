/** The rows of the trees as data. Their ids never hold anything that changes. */
import { operationSubject, seatSubject, workshopSubject } from '../../protocol/operation.ts';

export interface WorkshopNode {
  readonly kind: 'workshop';
  readonly workshop: string;
}
export interface SeatNode {
  readonly kind: 'seat';
  readonly workshop: string;
  readonly seat: number;
}
export type WorkshopsNode = WorkshopNode | SeatNode;

export interface OperationNode {
  readonly kind: 'operation';
  readonly operation: string;
}
/** `phase` is the phase's name; each is once among an operation's phases. */
export interface PhaseNode {
  readonly kind: 'phase';
  readonly operation: string;
  readonly phase: string;
}
export type ActivityNode = OperationNode | PhaseNode;

/** The id that VS Code knows a row by. */
export function nodeId(node: WorkshopsNode | ActivityNode): string {
  switch (node.kind) {
    case 'workshop':
      return workshopSubject(node.workshop);
    case 'seat':
      return seatSubject(node.workshop, node.seat);
    case 'operation':
      return operationSubject(node.operation);
    case 'phase':
      return `${operationSubject(node.operation)}/phase/${node.phase}`;
  }
}

/** A row as VS Code is to show it: a ThemeIcon with its color, flags for `when` clauses, facts for the tooltip. */
export interface Row {
  readonly label: string;
  readonly description: string;
  readonly icon: RowIcon;
  /** Words that `when` clauses look for with `viewItem =~ /\bword\b/`. */
  readonly flags: readonly string[];
  /** What a screen reader says. */
  readonly spoken: string;
}

export interface RowIcon {
  readonly id: string;
  readonly color?: string;
}

/** A line of a tooltip: what, and its value. */
export type Fact = readonly [name: string, value: string];

export const ICON = {
  running: { id: 'pass-filled', color: 'testing.iconPassed' },
  free: { id: 'circle-outline', color: 'testing.iconPassed' },
  onTheWay: { id: 'loading~spin' },
  stopped: { id: 'circle-outline', color: 'disabledForeground' },
  error: { id: 'error', color: 'testing.iconFailed' },
  warning: { id: 'warning', color: 'list.warningForeground' },
  done: { id: 'pass', color: 'testing.iconPassed' },
  cancelled: { id: 'circle-slash', color: 'disabledForeground' },
} as const satisfies Record<string, RowIcon>;
