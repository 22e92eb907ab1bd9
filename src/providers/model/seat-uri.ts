/** The addresses of seat files: `carapace-seat://WORKSHOP/SEAT/PATH`. Pure. */
import { idSchema, seatNumberSchema } from '../../protocol/names.ts';

export const SEAT_SCHEME = 'carapace-seat';

/** A file of a seat; `path` is relative to the seat's folder, without a leading slash; '' is the folder. */
export interface SeatFile {
  readonly workshop: string;
  readonly seat: number;
  readonly path: string;
}

/** The parts of a URI that matter here; VS Code's Uri has them, already decoded. */
export interface UriParts {
  readonly authority: string;
  readonly path: string;
}

/**
 * What an address names; undefined where it can be no seat's file, so that the probes of editors and extensions
 * (`/.vscode/settings.json`, `/.git`) need no round trip.
 */
export function parseSeatUri({ authority, path }: UriParts): SeatFile | undefined {
  const [, first = '', ...rest] = path.split('/');
  if (!/^[1-9]\d*$/.test(first)) return undefined;
  const workshop = idSchema.safeParse(authority);
  const seat = seatNumberSchema.safeParse(Number(first));
  if (!workshop.success || !seat.success) return undefined;
  return { workshop: workshop.data, seat: seat.data, path: rest.join('/').replace(/\/+$/, '') };
}

export function seatUriParts(file: SeatFile): UriParts & { readonly scheme: string } {
  const path = file.path === '' ? '' : `/${file.path}`;
  return { scheme: SEAT_SCHEME, authority: file.workshop, path: `/${file.seat}${path}` };
}
