/** `carapace join`: take a seat and open its terminal. */
import type { Command } from 'commander';
import type { Connection } from '../client/connection.ts';
import { ControlPlaneClient } from '../client/control-plane.ts';
import { findControlPlane } from '../client/daemon.ts';
import { english } from '../client/english.ts';
import { toldToLearner } from '../client/unreachable.ts';
import { stateFolder } from '../lib/state-folder.ts';
import { joinRequestSchema, type Access, type Joined } from '../protocol/access.ts';
import {
  CarapaceError,
  ForbiddenError,
  InvalidInputError,
  UnauthorizedError,
  UnavailableError,
} from '../protocol/errors.ts';
import { randomText } from '../protocol/names.ts';
import { parseRequest } from './arguments.ts';
import { attach } from './attach.ts';
import { DETACH_KEYS } from './detach-filter.ts';
import { interruptible } from './interrupt.ts';
import { writeLine, type CliIo } from './io.ts';
import { formatJoinLink, parseJoinLink, type JoinLink } from '../protocol/join-link.ts';
import { JoinedSeats } from './joined-seats.ts';
import { ownControlPlane } from './own-control-plane.ts';
import { namedServer, print, withCommonOptions, type CommonOptions } from './session.ts';
import { trustServer } from './trusted-servers.ts';

/** 31 to the power of 26: nobody guesses it. */
const REJOIN_CODE_LENGTH = 26;

interface JoinOptions extends CommonOptions {
  readonly name?: string;
  readonly fingerprint?: string;
  readonly personalLink?: true;
  readonly session?: string;
}

export function addJoinCommand(program: Command, io: CliIo): void {
  const command = program
    .command('join')
    .summary('take a seat in a workshop and open a shell in it')
    .description(
      `take a seat in a workshop and open a shell in it; joining again leads to the same seat. ${DETACH_KEYS} leaves.`,
    )
    .argument('<link>', 'such as https://SERVER/join#ABCD-2345, or the code alone')
    .option('--name <name>', 'what the teacher sees you as')
    .option('--session <id>', 'come back to a shell that was left')
    .option('--fingerprint <sha256>', 'what your teacher tells of a server with a certificate of its own')
    .option('--personal-link', 'print the link that leads back to your seat from another machine, and open no shell');
  withCommonOptions(command).action(async (link: string, options: JoinOptions) => {
    const parsed = parseJoinLink(link);
    const { server, code } = parsed;
    parseRequest(joinRequestSchema, requestOf(code, options.name, parsed.rejoinCode));
    const place = await interruptible((signal) => placeOf(io, server, options, signal));
    const { connection } = place;
    const seat = new Joining(place, parsed, options.name, io);
    const joined = await interruptible((signal) => toldToLearner(connection.url, english, () => seat.join(signal)));
    if (options.personalLink === true) {
      const personal = formatJoinLink(connection.url, code, joined.rejoin_code);
      await print(io, options, { link: personal }, () => personal);
      return;
    }
    if (options.json) {
      await writeLine(io.stdout, JSON.stringify(joined));
      return;
    }
    // Whoever came by a personal link comes back without its secret: that is kept here.
    const again = parsed.rejoinCode === undefined ? link : formatJoinLink(connection.url, code);
    io.outcome.code = await enter(io, seat, joined, again, options);
  });
}

function requestOf(code: string, name: string | undefined, rejoinCode: string | undefined) {
  return { code, ...(name !== undefined && { name }), ...(rejoinCode !== undefined && { rejoin_code: rejoinCode }) };
}

/** A server, and the name under which the way back to its seats is kept. */
interface Place {
  readonly connection: Connection;
  readonly name: string;
}

/** This machine's own control plane may have another address after each start. */
const OWN = 'this machine';

/**
 * The server of the link, else the one that was named, else this machine's own. Joining needs no token.
 * @throws InvalidInputError for a fingerprint that nothing can be compared with, and what {@link trustServer} throws
 */
async function placeOf(
  io: CliIo,
  server: string | undefined,
  options: JoinOptions,
  signal: AbortSignal,
): Promise<Place> {
  const url = server ?? options.server;
  if (url === undefined) {
    if (options.fingerprint !== undefined) {
      const message = 'A code alone leads to this machine, which shows no certificate to compare with --fingerprint.';
      throw new InvalidInputError(`${message} Give the whole link, or leave that out.`, { path: 'fingerprint' });
    }
    return { connection: await ownControlPlane(io, options.json ?? false, signal), name: OWN };
  }
  const certificate = await trustServer(io, url, options.fingerprint, signal);
  const connection = { ...namedServer(io, url), token: '', ...(certificate !== undefined && { certificate }) };
  const own = await findControlPlane(stateFolder(io.environment), signal);
  return { connection, name: own?.url === url ? OWN : url };
}

/** Somebody's way into their seat, as often as they come. */
class Joining {
  readonly #connection: Connection;
  readonly #client: ControlPlaneClient;
  readonly #server: string;
  readonly #code: string;
  readonly #linked: string | undefined;
  readonly #name: string | undefined;
  readonly #seats: JoinedSeats;

  constructor({ connection, name: server }: Place, link: JoinLink, name: string | undefined, io: CliIo) {
    this.#connection = connection;
    this.#client = new ControlPlaneClient(connection);
    this.#server = server;
    this.#code = link.code;
    this.#linked = link.rejoinCode;
    this.#name = name;
    this.#seats = new JoinedSeats(stateFolder(io.environment));
  }

  /** Joins, or joins again. The code to come back with is kept before it is used: a lost answer costs no seat. */
  async join(signal: AbortSignal): Promise<Joined> {
    if (this.#linked !== undefined) return this.#joinAs(this.#linked, signal);
    const kept = await this.#seats.rejoinCode(this.#server, this.#code);
    const rejoinCode = kept ?? randomText(REJOIN_CODE_LENGTH);
    if (kept === undefined) await this.#seats.remember(this.#server, this.#code, rejoinCode);
    try {
      return await this.#client.join(requestOf(this.#code, this.#name, rejoinCode), signal);
    } catch (error) {
      const refused = error instanceof CarapaceError && !(error instanceof UnavailableError);
      if (kept === undefined && refused) await this.#seats.forget(this.#server, this.#code);
      throw error;
    }
  }

  /** A new way into the seat, which takes none: one that was taken from them stays so until they join again. */
  async renew({ learner_token: token }: Joined, signal: AbortSignal): Promise<Access> {
    try {
      return await new ControlPlaneClient({ ...this.#connection, token }).learnerAccess(signal);
    } catch (cause) {
      if (!(cause instanceof UnauthorizedError)) throw cause;
      const message = 'Your seat is not yours any more: your teacher has freed it, or the workshop was deleted.';
      throw new ForbiddenError(`${message} Join again to take another one.`, undefined, { cause });
    }
  }

  /** By a personal link: its code is kept once it has proved to be right. */
  async #joinAs(rejoinCode: string, signal: AbortSignal): Promise<Joined> {
    const joined = await this.#client.join(requestOf(this.#code, this.#name, rejoinCode), signal);
    await this.#seats.remember(this.#server, this.#code, rejoinCode);
    return joined;
  }
}

async function enter(io: CliIo, seat: Joining, joined: Joined, link: string, options: JoinOptions): Promise<number> {
  let first: Joined | undefined = joined;
  const server = options.server === undefined ? '' : ` --server ${options.server}`;
  return attach(io, {
    getAccess: async (signal) => {
      const access = first ?? (await seat.renew(joined, signal));
      first = undefined;
      return access;
    },
    workshopId: joined.workshop_id,
    seat: joined.seat,
    view: false,
    ...(options.session !== undefined && { session: options.session }),
    comeBack: (session) => `carapace join '${link}' --session ${session}${server}`,
  });
}
