import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import type { CarapaceApi } from '../../../src/extension.ts';
import type { Learner, Workshop } from '../../../src/protocol/workshop.ts';
import {
  activate,
  createWorkshop,
  endControlPlane,
  failure,
  hasText,
  readText,
  run,
  seatUri,
  succeed,
  until,
  writeText,
} from './support.ts';

interface JoinedSeat {
  readonly workshop: string;
  readonly seat: number;
  readonly terminal: string | null;
}

describe('joining a workshop in VS Code', () => {
  let api: CarapaceApi;
  let workshop: Workshop;
  let link: string;

  before(async () => {
    api = await activate();
    workshop = await createWorkshop({ name: 'Class', seats: 2 });
    link = await succeed<string>('carapace.copyJoinLink', { workshop: workshop.id });
  });

  after(async () => {
    for (const { workshopId } of api.learners())
      await run('carapace.leaveWorkshop', { workshop: workshopId, confirmed: true });
    for (const { id } of api.state().workshops.values())
      await run('carapace.deleteWorkshop', { workshop: id, confirmed: true });
    await endControlPlane();
  });

  const session = () => api.learners().find(({ workshopId }) => workshopId === workshop.id);

  it('has an error for what is no link, and for a code that nobody has', async () => {
    assert.equal(await failure('carapace.join', { link: 'https://example.org', name: 'Alice' }), 'INVALID_INPUT');
    assert.equal(await failure('carapace.join', { link: 'http://example.org/join#ABCD-2345' }), 'INVALID_INPUT');
    assert.equal(await failure('carapace.join', { link: '2222-2222', name: 'Alice' }), 'NOT_FOUND');
    assert.deepEqual(api.learners(), []);
    assert.equal(api.context('carapace.hasJoined'), false);
  });

  it('takes a seat by a link, and opens its terminal', async () => {
    const joined = await succeed<JoinedSeat>('carapace.join', { link, name: 'Alice' });
    assert.deepEqual(joined, { workshop: workshop.id, seat: 1, terminal: 'Seat 1 · Alice' });
    await until('the session', () => (session()?.status.kind === 'joined' ? true : undefined));
    assert.equal(session()?.record.server, null);
    await until('the context key', () => (api.context('carapace.hasJoined') === true ? true : undefined));
    const terminal = await until('the terminal', () =>
      vscode.window.terminals.find((one) => one.name === joined.terminal),
    );
    terminal.sendText('echo "$((40 + 2))" > answer.txt');
    await hasText(seatUri(workshop.id, 1, 'answer.txt'), '42\n');
  });

  it('has rows for both sides, each with its own actions', async () => {
    const rows = await api.workshopRows();
    assert.deepEqual(
      rows.map(({ kind }) => kind),
      ['workshop', 'joined'],
    );
    const [mine] = await api.workshopRows({ kind: 'joined', workshop: workshop.id });
    assert.deepEqual(mine, { kind: 'mySeat', workshop: workshop.id, seat: 1 });
    const flags = api.workshopRow(mine).contextValue?.split(' ') ?? [];
    assert.ok(flags.includes('openable') && !flags.includes('resettable') && !flags.includes('freeable'), flags.join());
    const theirs = () =>
      api.workshopRow({ kind: 'seat', workshop: workshop.id, seat: 1 }).contextValue?.split(' ') ?? [];
    await until('the teacher to know of the learner', () => (theirs().includes('freeable') ? true : undefined));
    assert.ok(theirs().includes('resettable'), theirs().join());
    const joinedRow = api.workshopRow({ kind: 'joined', workshop: workshop.id });
    assert.match(String(joinedRow.description), /^your seat 1 · 3 h \d+ min left$/);
  });

  it('leads to the same seat by the same link, the code alone, and the personal link', async () => {
    const personal = await succeed<string>('carapace.copyPersonalLink', { workshop: workshop.id });
    assert.match(personal, /\/join#[A-Z2-9]{4}-[A-Z2-9]{4}\.[0-9a-z]{26}$/);
    assert.equal(await vscode.env.clipboard.readText(), personal);
    for (const again of [link, link.split('#')[1], personal]) {
      const { seat } = await succeed<JoinedSeat>('carapace.join', { link: again });
      assert.equal(seat, 1, again);
    }
    assert.equal(api.learners().length, 1);
    const learners = await succeed<Learner[]>('carapace.showLearners', { workshop: workshop.id, confirmed: true });
    assert.deepEqual(
      learners.map(({ name, seat }) => [name, seat]),
      [['Alice', 1]],
    );
  });

  it('gives a link that opens an editor', async () => {
    const editor = await succeed<string>('carapace.copyJoinLink', { workshop: workshop.id, editor: true });
    assert.match(editor, /carapace\.carapace/);
  });

  it('is over when the teacher frees the seat, for good', async () => {
    await writeText(seatUri(workshop.id, 1, 'mine.txt'), 'mine');
    await succeed('carapace.freeSeat', { workshop: workshop.id, seat: 1, confirmed: true });
    await until('the end', () => (session()?.status.kind === 'freed' ? true : undefined));
    const seat = await until('the seat', () => {
      const found = api.state().seats.get(`workshop/${workshop.id}/seat/1`);
      return found?.status === 'ready' && found.learner === null ? found : undefined;
    });
    assert.equal(seat.seat, 1);
    assert.deepEqual(await api.workshopRows({ kind: 'joined', workshop: workshop.id }), []);
    assert.equal(await failure('carapace.freeSeat', { workshop: workshop.id, seat: 1, confirmed: true }), 'CONFLICT');
  });

  it('leaves the seat to the teacher of the same editor', async () => {
    await writeText(seatUri(workshop.id, 1, 'theirs.txt'), 'theirs');
    assert.equal(await readText(seatUri(workshop.id, 1, 'theirs.txt')), 'theirs');
  });

  it('can be joined again, and left', async () => {
    // As its row does.
    await succeed<JoinedSeat>('carapace.join', { kind: 'joined', workshop: workshop.id });
    await until('the session', () => (session()?.status.kind === 'joined' ? true : undefined));
    await succeed('carapace.leaveWorkshop', { workshop: workshop.id, confirmed: true });
    assert.deepEqual(api.learners(), []);
    await until('the context key', () => (api.context('carapace.hasJoined') === false ? true : undefined));
    const learners = await succeed<Learner[]>('carapace.showLearners', { workshop: workshop.id, confirmed: true });
    assert.equal(learners.length, 1);
  });
});
