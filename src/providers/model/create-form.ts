/** The answers that a new workshop is made from, checked by the schemas of the protocol. Pure. */
import type * as z from 'zod/mini';
import { nameSchema, seatNumberSchema } from '../../protocol/names.ts';
import type { CreateWorkshop, Provider, Runtime } from '../../protocol/workshop.ts';
import type { Translate } from './translate.ts';

export const DEFAULT_SEATS = 3;

/** Why a name cannot be taken; undefined where it can. No name is a name: the workshop is called by its code. */
export function refuseName(text: string): string | undefined {
  return text.trim() === '' ? undefined : refusal(nameSchema, text);
}

/** Why a number of seats cannot be taken; undefined where it can. */
export function refuseSeats(text: string, t: Translate): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return t('How many seats?');
  return refusal(seatNumberSchema, /^\d+$/.test(trimmed) ? Number(trimmed) : Number.NaN);
}

function refusal(schema: z.ZodMiniType, value: unknown): string | undefined {
  const result = schema.safeParse(value);
  if (result.success) return undefined;
  const message = result.error.issues[0]?.message ?? '';
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

/** What the settings say about new workshops. */
export interface CreateDefaults {
  readonly provider: Provider;
  readonly runtime: Runtime;
}

export interface CreateAnswers extends CreateDefaults {
  readonly name: string;
  readonly seats: string;
}

/** The request for checked answers. */
export function createRequest({ name, seats, provider, runtime }: CreateAnswers): CreateWorkshop {
  const trimmed = name.trim();
  return { ...(trimmed !== '' && { name: trimmed }), seats: Number(seats.trim()), provider, runtime };
}
