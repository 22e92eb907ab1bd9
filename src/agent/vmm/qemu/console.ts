/** The end of what a machine wrote to its console. */
import { CONSOLE_BYTES } from './command-line.ts';
import type { QmpClient } from './qmp-client.ts';
import { consoleSchema } from './qmp-messages.ts';

/** The most of it that an error carries, in characters. */
const TAIL = 4_000;

/** Without what moves a terminal's cursor or changes its colours: whoever has the seat writes it, an operator reads it. */
export function plainText(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- these are what is removed
      .replaceAll(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|[@-_])/g, '')
      // eslint-disable-next-line no-control-regex -- these are what is removed
      .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
  );
}

/** QEMU gives each byte once: what was read is not there the next time. */
export async function readConsole(monitor: QmpClient): Promise<string> {
  const parameters = { device: 'console', size: CONSOLE_BYTES, format: 'utf8' };
  const text = await monitor.execute('ringbuf-read', consoleSchema, parameters);
  return plainText(text).trim().slice(-TAIL);
}
