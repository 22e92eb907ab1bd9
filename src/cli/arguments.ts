/** Arguments as people type them, checked before anything is asked or made. */
import type * as z from 'zod/mini';
import { InvalidInputError, parseInput } from '../protocol/errors.ts';
import { seatNumberSchema } from '../protocol/names.ts';

/** A whole number; anything else stays text, for the schema to refuse. */
export function numeric(text: string): number | string {
  return /^[+-]?\d+$/.test(text) ? Number(text) : text;
}

/** @throws InvalidInputError naming the argument */
export function parseSeat(text: string): number {
  return parseArgument('seat', seatNumberSchema, numeric(text));
}

/** @throws InvalidInputError naming the argument */
export function parseArgument<T extends z.ZodMiniType>(name: string, schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  return refuse(name, value, result.error.issues[0]?.message ?? 'it is not valid');
}

/** Checks a whole request as the control plane will. @throws InvalidInputError naming the first refused field */
export const parseRequest = parseInput;

function refuse(name: string, value: unknown, reason: string): never {
  throw new InvalidInputError(`"${String(value)}" is not valid for ${name}: ${reason}.`, { path: name });
}
