/** Puts the seat's page together: header, files, terminal. */
import { backoffMs } from '../../client/backoff.ts';
import { isOver, learnerSentence } from '../../client/learner/learner-status.ts';
import { terminalSessions } from '../../client/terminal/session-list.ts';
import { CarapaceError, UnavailableError } from '../../protocol/errors.ts';
import { formatJoinLink } from '../../protocol/join-link.ts';
import { LearnerCalls } from '../../client/learner-calls.ts';
import { ask } from '../ask.ts';
import { byId } from '../dom.ts';
import { FetchTransport } from '../fetch-transport.ts';
import { SeatFilesView } from '../files/seat-files-view.ts';
import { JOIN_SENTENCES } from '../join-sentences.ts';
import { joinSeat } from '../join-seat.ts';
import type { KeptSeat, KeptSeats } from '../kept-seats.ts';
import { locale, t } from '../language.ts';
import { sentenceOf } from '../sentence.ts';
import { constantToken } from '../tokens.ts';
import { Header } from './header.ts';
import type { Notice } from './notice.ts';
import { OwnSeat } from './own-seat.ts';
import { offerReadingOut } from './reading-out.ts';
import { Screen } from './screen.ts';
import { SeatAccess } from './seat-access.ts';
import { Shell } from './shell.ts';
import { isOpenable } from './texts.ts';
import { TouchKeys } from './touch-keys.ts';

export interface SeatPageParts {
  readonly base: string;
  readonly seats: KeptSeats;
  readonly kept: KeptSeat;
  readonly notice: Notice;
}

export class SeatPage {
  readonly #parts: SeatPageParts;
  readonly #own: OwnSeat;
  readonly #header: Header;
  readonly #access: SeatAccess;
  readonly #http: FetchTransport;
  readonly #shell: Shell;
  readonly #screen: Screen;
  readonly #files: SeatFilesView;
  readonly #keys: TouchKeys;
  #wasOpenable = true;
  #wasStale = false;
  #isOver = false;

  constructor(parts: SeatPageParts) {
    this.#parts = parts;
    const { base, kept, seats } = parts;
    byId('seat', HTMLElement).hidden = false;
    this.#own = new OwnSeat({ base, kept, seats, changed: () => this.#changed() });
    this.#access = new SeatAccess(base, () => this.#own.access());
    this.#http = new FetchTransport(base, this.#access);
    this.#header = new Header({ copyLink: () => void this.#copyLink(), leave: () => void this.#leave() });
    this.#screen = new Screen(byId('terminal', HTMLDivElement), {
      onType: (data) => this.#shell.write(this.#keys.apply(data)),
      onBinary: (data) => this.#shell.writeBinary(data),
      onSize: (size) => this.#shell.resize(size),
      onLeave: () => this.#files.focus(),
    });
    offerReadingOut(byId('read-out', HTMLButtonElement), this.#screen);
    this.#shell = this.#makeShell();
    this.#keys = new TouchKeys(byId('keys', HTMLDivElement), this.#screen, (data) => this.#shell.write(data));
    this.#files = new SeatFilesView(this.#http, kept, () => this.#screen.focus());
  }

  start(): void {
    const follow = () => {
      const isSeen = !document.hidden && !this.#isOver;
      this.#own.follow(isSeen);
      this.#files.follow(isSeen);
      // A machine that has slept may have its network back.
      if (isSeen) this.#shell.retry();
    };
    document.addEventListener('visibilitychange', follow);
    follow();
    addEventListener('online', () => {
      this.#own.poke();
      this.#shell.retry();
    });
    void this.#shell.open();
    this.#changed();
  }

  #makeShell(): Shell {
    const { workshop_id: workshopId, seat } = this.#parts.kept;
    return new Shell({
      screen: this.#screen,
      stateLine: byId('shell-state', HTMLDivElement),
      workshopId,
      seat,
      getAccess: () => this.#access.renew(),
      lastSession: () => this.#lastSession(),
      remember: (session) => this.#own.keepSession(session),
      changed: () => this.#changed(),
    });
  }

  /** The one of this browser, else the seat's that was used last: one left in an editor, or on another machine. */
  async #lastSession(): Promise<string | undefined> {
    const { workshop_id, seat, session } = this.#own.kept;
    if (session !== undefined) return session;
    const sessions = await terminalSessions(this.#http, workshop_id, seat).catch(() => []);
    return sessions[0]?.id;
  }

  #changed(): void {
    if (this.#isOver) return;
    const { status, view, kept } = this.#own;
    if (isOver(status)) {
      void this.#over();
      return;
    }
    if (view !== undefined && (view.workshop.name !== kept.workshop_name || view.name !== kept.name))
      this.#own.keepNames({ workshop_name: view.workshop.name, name: view.name });
    this.#header.show(this.#own, this.#shell.state);
    const openable = view === undefined || isOpenable(view.seat.status);
    if (!openable) this.#shell.wait();
    else if (!this.#wasOpenable) this.#seatIsBack();
    this.#wasOpenable = openable;
    if (this.#wasStale && status.kind === 'joined') this.#shell.reopen();
    this.#wasStale = status.kind === 'stale';
  }

  #seatIsBack(): void {
    void this.#shell.open();
    this.#files.renew();
  }

  /** The seat is not theirs any more, or their token is too old, which joining again mends. */
  async #over(): Promise<void> {
    this.#isOver = true;
    const { status, kept } = this.#own;
    this.#own.follow(false);
    this.#files.follow(false);
    this.#shell.close();
    const sentence = learnerSentence(status, kept.workshop_name, Date.now(), t, locale()) ?? '';
    if (status.kind === 'expired' && (await this.#rejoins())) return;
    // What was typed and not saved is nowhere else.
    byId('seat', HTMLElement).hidden = !this.#files.isChanged;
    for (const id of ['files', 'shell']) byId(id, HTMLElement).hidden = true;
    this.#header.over();
    this.#parts.notice.show(sentence, { text: t('Back to the join page'), do: () => this.#toJoinPage() });
  }

  /** @returns whether the page begins anew */
  async #rejoins(): Promise<boolean> {
    const { base, seats, kept } = this.#parts;
    const parts = {
      seats,
      server: new LearnerCalls(new FetchTransport(base)),
      as: (token: string) => new LearnerCalls(new FetchTransport(base, constantToken(token))),
    };
    for (let attempt = 0; ; attempt += 1) {
      try {
        await joinSeat(parts, { code: kept.code, rejoinCode: kept.rejoin_code, name: kept.name });
        location.reload();
        return true;
      } catch (error) {
        if (!(error instanceof UnavailableError)) {
          if (error instanceof CarapaceError) this.#parts.notice.show(sentenceOf(error, JOIN_SENTENCES));
          return false;
        }
        const waitMs = backoffMs(attempt, Math.random());
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  #toJoinPage(): void {
    const { base, kept } = this.#parts;
    this.#own.forget();
    location.assign(formatJoinLink(base, kept.code));
  }

  async #copyLink(): Promise<void> {
    const { base, kept } = this.#parts;
    const link = formatJoinLink(base, kept.code, kept.rejoin_code);
    try {
      await navigator.clipboard.writeText(link);
      this.#header.say(t('Your personal link is in the clipboard. Whoever has it has your seat: keep it to yourself.'));
    } catch {
      await ask({
        title: t('Your personal link'),
        text: t('Keep it to yourself: whoever has it has your seat.'),
        value: link,
      });
    }
  }

  async #leave(): Promise<void> {
    const copy = t('Copy personal link and leave');
    const text = t(
      'This browser forgets your seat. The seat stays yours, with your files: your personal link leads back to it. Copy that first, or you will not find back.',
    );
    const lost = t('The file that is open has changes that are not saved: they are lost.');
    const choice = await ask({
      title: t('Leave "{0}"?', this.#own.kept.workshop_name),
      text: this.#files.isChanged ? `${text} ${lost}` : text,
      choices: [copy, t('Leave')],
    });
    if (choice === undefined) return;
    if (choice === copy) await this.#copyLink();
    this.#isOver = true;
    this.#files.giveUp();
    this.#shell.close();
    this.#own.forget();
    location.assign(`${this.#parts.base}/join`);
  }
}
