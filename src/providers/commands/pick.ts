/** Asks which workshop, seat or operation a command is meant for. */
import type * as vscode from 'vscode';
import { ConflictError, NotFoundError } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';
import type { Seat, Workshop } from '../../protocol/workshop.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import type { Learners } from '../learner/learners.ts';
import { isOver, learnerSentence } from '../model/learner-status.ts';
import { LEARNER_FLAGS, mySeatFlags } from '../model/learner-row.ts';
import { withNextStep } from '../model/problem.ts';
import { operationRow } from '../model/operation-row.ts';
import { seatRow } from '../model/seat-row.ts';
import {
  operationOf,
  operationsOf,
  seatOf,
  seatsOf,
  workshopOf,
  workshopsOf,
  type ModelState,
} from '../model/state.ts';
import { workshopRow, WORKSHOP_FLAGS } from '../model/workshop-row.ts';
import type { Target } from './arguments.ts';

/** A thing to choose, with what is shown of it. */
/** A seat, and whose workshop it is in. */
export interface ChosenSeat {
  readonly workshop: Workshop;
  readonly seat: Seat;
}

interface Choice<T> extends vscode.QuickPickItem {
  readonly value: T;
}

export class Picker {
  readonly #vs: Pick<typeof vscode, 'l10n' | 'window'>;
  readonly #service: Pick<ControlPlaneService, 'state' | 'connected' | 'refresh'>;
  readonly #learners: Pick<Learners, 'all'>;

  constructor(
    vs: Pick<typeof vscode, 'l10n' | 'window'>,
    service: Pick<ControlPlaneService, 'state' | 'connected' | 'refresh'>,
    learners: Pick<Learners, 'all'>,
  ) {
    this.#vs = vs;
    this.#service = service;
    this.#learners = learners;
  }

  /**
   * The workshop that is named, or the one that a person chooses of those with the flag; undefined where they choose
   * none. @throws NotFoundError, ConflictError where there is none to choose
   */
  async workshop(target: Target, flag: string): Promise<Workshop | undefined> {
    const t = this.#vs.l10n.t;
    if (target.workshop !== undefined) return this.#namedWorkshop(target.workshop);
    const state = await this.#state();
    const fitting = workshopsOf(state).filter(({ status }) => WORKSHOP_FLAGS[status].includes(flag));
    if (fitting.length === 0)
      throw new ConflictError(t('There is no workshop for this. Create one first.'), withNextStep('create'));
    const context = { stale: false, now: Date.now(), t };
    const choices = fitting.map((value) => {
      const { label, description } = workshopRow(value, seatsOf(state, value.id), context);
      return { label, description, value };
    });
    return this.#choose(choices, t('Which workshop?'));
  }

  /** The same for a seat, over all workshops; also one's own in a joined one, where the flag is a learner's business. */
  async seat(target: Target, flag: string): Promise<ChosenSeat | undefined> {
    const t = this.#vs.l10n.t;
    const mine = this.#mySeats(flag).filter((one) => isMeant(one, target));
    if (mine.length === 0 && LEARNER_FLAGS.includes(flag)) this.#refuseLearner(target);
    if (target.workshop !== undefined && target.seat !== undefined)
      return mine[0] ?? this.#namedSeat(target.workshop, target.seat);
    const state = mine.length === 0 ? await this.#state() : this.#service.state;
    const context = { stale: false, now: Date.now(), t };
    const taught = workshopsOf(state)
      .flatMap((workshop) => seatsOf(state, workshop.id).map((seat) => ({ workshop, seat })))
      .filter((one) => isMeant(one, target) && seatRow(one.seat, context).flags.includes(flag))
      .filter((one) => !mine.some(({ seat }) => isSame(seat, one.seat)));
    const choices = [...mine, ...taught].map((value) => {
      const { label, description } = seatRow(value.seat, context);
      return { label, description, detail: value.workshop.name, value };
    });
    if (choices.length === 0)
      throw new ConflictError(
        t('There is no running seat for this. Start or create a workshop first.'),
        withNextStep('create'),
      );
    return this.#choose(choices, t('Which seat?'));
  }

  /** The seats that were joined with this editor, as far as they are known. */
  #mySeats(flag: string): ChosenSeat[] {
    return this.#learners.all.flatMap(({ status, view }) =>
      view === undefined || isOver(status) || !mySeatFlags(view.seat).includes(flag) ? [] : [view],
    );
  }

  /** For somebody who only learns, no control plane is started, and no workshop is proposed. @throws ConflictError */
  #refuseLearner({ workshop, seat }: Target): void {
    if (this.#service.state.workshops.size > 0) return;
    const session = this.#learners.all.find(
      (one) => (workshop === undefined || one.workshopId === workshop) && (seat === undefined || one.seat === seat),
    );
    if (session === undefined) return;
    const { status, workshopName } = session;
    const t = this.#vs.l10n.t;
    const sentence =
      learnerSentence(status, workshopName, Date.now(), t) ??
      t('Seat {0} of "{1}" does not run now.', session.seat, workshopName);
    throw new ConflictError(sentence, withNextStep(isOver(status) && status.kind !== 'gone' ? 'join' : 'showLog'));
  }

  async operation(target: Target): Promise<Operation | undefined> {
    const t = this.#vs.l10n.t;
    const state = await this.#state();
    if (target.operation !== undefined) {
      const named = operationOf(state, target.operation);
      if (named === undefined) throw new NotFoundError(t('There is no operation "{0}".', target.operation));
      return named;
    }
    const running = operationsOf(state).filter(({ status }) => status === 'running');
    if (running.length === 0) throw new ConflictError(t('Nothing is under way.'));
    const context = { stale: false, now: Date.now(), t };
    const choices = running.map((value) => {
      const { label, description } = operationRow(value, context);
      return { label, description, value };
    });
    return this.#choose(choices, t('Which operation?'));
  }

  async #namedSeat(workshopId: string, number: number): Promise<ChosenSeat> {
    const workshop = await this.#namedWorkshop(workshopId);
    const seat = seatOf(this.#service.state, workshopId, number);
    if (seat === undefined) throw new NotFoundError(this.#vs.l10n.t('"{0}" has no seat {1}.', workshop.name, number));
    return { workshop, seat };
  }

  /** A workshop that is not known yet may be one that another program has just made. */
  async #namedWorkshop(workshopId: string): Promise<Workshop> {
    const known = workshopOf(this.#service.state, workshopId);
    if (known !== undefined) return known;
    const client = await this.#service.connected();
    const workshop = await client.getWorkshop(workshopId);
    await this.#service.refresh();
    return workshop;
  }

  /** What there is to choose from. What was last known will do; where nothing is known, the control plane is asked. */
  async #state(): Promise<ModelState> {
    const { state } = this.#service;
    if (state.workshops.size === 0) await this.#service.connected();
    return this.#service.state;
  }

  /** A single choice is no question. */
  async #choose<T>(choices: readonly Choice<T>[], placeHolder: string): Promise<T | undefined> {
    const [only, ...others] = choices;
    if (only !== undefined && others.length === 0) return only.value;
    const chosen = await this.#vs.window.showQuickPick(choices, { placeHolder, matchOnDescription: true });
    return chosen?.value;
  }
}

function isMeant({ workshop, seat }: ChosenSeat, target: Target): boolean {
  const inWorkshop = target.workshop === undefined || workshop.id === target.workshop;
  return inWorkshop && (target.seat === undefined || seat.seat === target.seat);
}

function isSame(one: Seat, other: Seat): boolean {
  return one.workshop_id === other.workshop_id && one.seat === other.seat;
}
