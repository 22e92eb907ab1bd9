/** The world of a fake machine without files, sockets or devices: what is there is said by its name. */
import type { Saved, World } from '../../../../fakes/firecracker/world.ts';

const MISSING = 'No such file or directory (os error 2)';

/** Whatever is called so is not there. */
export const NOWHERE = 'nowhere';

export class PlayedWorld implements World {
  readonly version = '1.17.0';
  readonly cpu = 'GenuineFake';
  readonly kvm = 'works';
  saved: Saved | undefined;

  fileProblem(path: string): string | undefined {
    return path === NOWHERE ? MISSING : undefined;
  }

  hasTap(name: string): boolean {
    return name !== NOWHERE;
  }

  listen(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }

  setConsole(): void {
    // It says nothing.
  }

  begin(): void {
    // Nothing runs in it.
  }

  pause(): void {
    // Nothing runs in it.
  }

  resume(): void {
    // Nothing runs in it.
  }

  powerButton(): void {
    // Nothing runs in it.
  }

  guestState(): unknown {
    return {};
  }

  write(state: string, _memory: string, _memoryMb: number, saved: Omit<Saved, 'memory'>): string | undefined {
    if (state === NOWHERE) return MISSING;
    this.saved = structuredClone({ ...saved, memory: '' });
    return undefined;
  }

  read(state: string): Saved | string {
    if (state === NOWHERE || this.saved === undefined) return `Failed to open snapshot file: ${MISSING}`;
    return this.saved;
  }
}
