/** The rows of the trees as data. Their ids never hold anything that changes. */
import type { VaultName } from '../../protocol/cluster.ts';
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
/** Where a row of files is: below a seat of one's own workshop, or below the one that was joined (`mine`). */
export interface SeatFilePlace {
  readonly workshop: string;
  readonly seat: number;
  readonly mine: boolean;
  /** Relative to the seat's folder, which is ''. */
  readonly path: string;
}
/** A file or folder of a seat. */
export interface SeatFileNode extends SeatFilePlace {
  readonly kind: 'seatFile';
  readonly isFolder: boolean;
}
/** The rest of a folder of a seat, from the entry with the number `from` on. */
export interface MoreSeatFilesNode extends SeatFilePlace {
  readonly kind: 'moreSeatFiles';
  readonly from: number;
}
/** Why a folder of a seat cannot be shown. */
export interface SeatFilesProblemNode extends SeatFilePlace {
  readonly kind: 'seatFilesProblem';
}
export type SeatFilesNode = SeatFileNode | MoreSeatFilesNode | SeatFilesProblemNode;
export type WorkshopsNode = WorkshopNode | SeatNode | JoinedNode | MySeatNode | SeatFilesNode;

/** A workshop that somebody has joined with this editor, and their own seat in it. */
export interface JoinedNode {
  readonly kind: 'joined';
  readonly workshop: string;
}
export interface MySeatNode {
  readonly kind: 'mySeat';
  readonly workshop: string;
  readonly seat: number;
}

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

/** The lines under the server, in the order in which they are shown; the vaults come after `ip`. */
export const SERVER_DETAILS = ['launch', 'error', 'note', 'unreachable', 'stops', 'ip', 'autostop', 'cost'] as const;
export type ServerDetail = (typeof SERVER_DETAILS)[number];

/** `operation` is what is under way on the server, for its Cancel. */
export interface ServerRootNode {
  readonly kind: 'server';
  readonly operation?: string;
}
export interface ServerDetailNode {
  readonly kind: 'detail';
  readonly detail: ServerDetail;
}
export interface VaultNode {
  readonly kind: 'vault';
  readonly vault: VaultName;
}
/** A file or folder of a vault; `path` is relative to the vault, with slashes. */
export interface VaultFileNode {
  readonly kind: 'vaultFile';
  readonly vault: VaultName;
  readonly path: string;
  readonly isFolder: boolean;
}
/** So many entries of a folder are not listed. */
export interface MoreFilesNode {
  readonly kind: 'moreFiles';
  readonly vault: VaultName;
  readonly path: string;
  readonly count: number;
}
export type ServerNode = ServerRootNode | ServerDetailNode | VaultNode | VaultFileNode | MoreFilesNode;

/** Any row of any tree. */
export type TreeNode = WorkshopsNode | ActivityNode | ServerNode;

/** The id that VS Code knows a row by. */
export function nodeId(node: TreeNode): string {
  switch (node.kind) {
    case 'server':
      return 'server';
    case 'detail':
      return `server/${node.detail}`;
    case 'vault':
      return `vault/${node.vault}`;
    case 'vaultFile':
      return `vault/${node.vault}/file/${node.path}`;
    case 'moreFiles':
      return `vault/${node.vault}/more/${node.path}`;
    case 'workshop':
      return workshopSubject(node.workshop);
    case 'seat':
      return seatSubject(node.workshop, node.seat);
    case 'seatFile':
      return `${placeId(node)}/file/${node.path}`;
    case 'moreSeatFiles':
      return `${placeId(node)}/more/${node.from}/${node.path}`;
    case 'seatFilesProblem':
      return `${placeId(node)}/problem/${node.path}`;
    // The same workshop may be there as its teacher's, too.
    case 'joined':
      return `joined/${workshopSubject(node.workshop)}`;
    case 'mySeat':
      return `joined/${seatSubject(node.workshop, node.seat)}`;
    case 'operation':
      return operationSubject(node.operation);
    case 'phase':
      return `${operationSubject(node.operation)}/phase/${node.phase}`;
  }
}

/** One's own seat may be in the tree twice: as what was joined, and in the workshop that one teaches. */
function placeId({ workshop, seat, mine }: SeatFilePlace): string {
  return mine ? `mine/${seatSubject(workshop, seat)}` : seatSubject(workshop, seat);
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
  joined: { id: 'mortar-board', color: 'testing.iconPassed' },
  free: { id: 'circle-outline', color: 'testing.iconPassed' },
  onTheWay: { id: 'loading~spin' },
  stopped: { id: 'circle-outline', color: 'disabledForeground' },
  error: { id: 'error', color: 'testing.iconFailed' },
  warning: { id: 'warning', color: 'list.warningForeground' },
  done: { id: 'pass', color: 'testing.iconPassed' },
  cancelled: { id: 'circle-slash', color: 'disabledForeground' },
  launch: { id: 'rocket' },
  note: { id: 'info', color: 'notificationsInfoIcon.foreground' },
  address: { id: 'globe' },
  clock: { id: 'clock' },
  cost: { id: 'credit-card' },
  publicVault: { id: 'folder-library' },
  privateVault: { id: 'lock' },
  more: { id: 'ellipsis' },
} as const satisfies Record<string, RowIcon>;
