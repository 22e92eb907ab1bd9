/** What QEMU's command line and its snapshots depend on, as this machine's kernel tells it. */
import { readFileSync } from 'node:fs';

export interface Processor {
  readonly model: string;
  /** Its abilities, separated by spaces. */
  readonly flags: string;
  /** How fast its clock counts, in kHz; undefined where the kernel does not say. */
  readonly kiloHertz: number | undefined;
}

/** There where the processor changes its speed: then what /proc/cpuinfo tells is that of the moment. */
const BASE_FREQUENCY = '/sys/devices/system/cpu/cpu0/cpufreq/base_frequency';

function field(text: string, name: string): string | undefined {
  return new RegExp(`^${name}[ \\t]*:[ \\t]*(.+)$`, 'm').exec(text)?.[1];
}

/**
 * Of the first processor.
 * @param cpuinfo the text of /proc/cpuinfo
 * @param baseFrequency in kHz; empty where the speed does not change
 */
export function parseProcessor(cpuinfo: string, baseFrequency: string): Processor {
  const kiloHertz = Math.round(Number(baseFrequency) || Number(field(cpuinfo, 'cpu MHz')) * 1000);
  return {
    model: field(cpuinfo, 'model name') ?? 'unknown',
    flags: field(cpuinfo, 'flags') ?? '',
    kiloHertz: kiloHertz > 0 ? kiloHertz : undefined,
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function readProcessor(): Processor {
  return parseProcessor(readIfThere('/proc/cpuinfo'), readIfThere(BASE_FREQUENCY));
}

/** Changes whenever this machine is started anew. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
