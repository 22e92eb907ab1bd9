/** How the fake refuses, and the rules for ids. */

/** A refusal, thrown where it is found. */
export class Fault extends Error {}

export function refuse(text: string): never {
  throw new Fault(text);
}

export function checkResourceId(id: string | undefined): void {
  if (id === undefined || id === '') refuse('The ID cannot be empty.');
  if (!/^[\p{L}\p{N}_]+$/u.test(id)) {
    refuse('API Resource IDs can only contain alphanumeric characters and underscores.');
  }
}

export function checkSameId(id: string | undefined, body: unknown): void {
  const { drive_id: drive, iface_id: interfaceId } = body as { drive_id?: string; iface_id?: string };
  if ((drive ?? interfaceId) !== id) refuse('The id from the path does not match the id from the body!');
}
