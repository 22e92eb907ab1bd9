/** Asks which workshop, seat or operation a command is meant for. */
import type * as vscode from 'vscode';
import { ConflictError, NotFoundError } from '../../protocol/errors.ts';
import type { Operation } from '../../protocol/operation.ts';
import type { Seat, Workshop } from '../../protocol/workshop.ts';
import type { ControlPlaneService } from '../control-plane-service.ts';
import { withNextStep } from '../model/problem.ts';
import { operationRow } from '../model/operation-row.ts';
import { seatRow, SEAT_FLAGS } from '../model/seat-row.ts';
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
interface Choice<T> extends vscode.QuickPickItem {
  readonly value: T;
}

export class Picker {
  readonly #vs: Pick<typeof vscode, 'l10n' | 'window'>;
  readonly #service: Pick<ControlPlaneService, 'state' | 'connected' | 'refresh'>;

  constructor(
    vs: Pick<typeof vscode, 'l10n' | 'window'>,
    service: Pick<ControlPlaneService, 'state' | 'connected' | 'refresh'>,
  ) {
    this.#vs = vs;
    this.#service = service;
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

  /** The same for a seat, over all workshops. */
  async seat(target: Target, flag: string): Promise<{ workshop: Workshop; seat: Seat } | undefined> {
    const t = this.#vs.l10n.t;
    if (target.workshop !== undefined && target.seat !== undefined)
      return this.#namedSeat(target.workshop, target.seat);
    const state = await this.#state();
    const context = { stale: false, now: Date.now(), t };
    const choices = workshopsOf(state)
      .filter(({ id }) => target.workshop === undefined || id === target.workshop)
      .flatMap((workshop) => seatsOf(state, workshop.id).map((seat) => ({ workshop, seat })))
      .filter(({ seat }) => SEAT_FLAGS[seat.status].includes(flag))
      .map((value) => {
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

  async #namedSeat(workshopId: string, number: number): Promise<{ workshop: Workshop; seat: Seat }> {
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
