/** What a workshop's seats are, as a person reads it. */
import type { Runtime } from '../protocol/workshop.ts';

type Translate = (text: string, ...values: string[]) => string;

const PROGRAM = { qemu: 'QEMU', firecracker: 'Firecracker' } as const;

function plain(text: string, ...values: string[]): string {
  return text.replace(/\{(\d+)\}/g, (_match, index: string) => values[Number(index)] ?? '');
}

/**
 * Such as `MicroVMs (QEMU, emulated: slow)`.
 * @param accelerated whether machines run on the processor itself; null and undefined where that is not known (now)
 */
export function runtimeText(runtime: Runtime, accelerated: boolean | null | undefined, t: Translate = plain): string {
  if (runtime === 'auto') return t('not known yet');
  if (runtime === 'process') return t('processes: no isolation');
  const program = PROGRAM[runtime];
  if (accelerated === true) return t('MicroVMs ({0}, KVM)', program);
  return accelerated === false ? t('MicroVMs ({0}, emulated: slow)', program) : t('MicroVMs ({0})', program);
}
