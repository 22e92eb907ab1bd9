/** Echo and throughput of a terminal: ttyd, the seat itself, through the agent, and as the extension has it. */
import { clientChannel, echo, output, plainChannel, type OpenChannel } from '../support/terminal-measure.ts';
import { openSeat } from './seat.ts';
import { compare, heading, row, type Measured } from './table.ts';
import { HOW_TO_GET_TTYD, startTtyd } from './ttyd.ts';

const ROUNDS = 7;
const KEYS_PER_ROUND = 400;
const MEGABYTES = 20;

interface Way {
  readonly name: string;
  readonly open: OpenChannel;
}

export async function benchTerminal(): Promise<void> {
  const seat = await openSeat();
  const ttyd = await startTtyd(seat.folder);
  if (ttyd === undefined) row(`\n${HOW_TO_GET_TTYD}`);
  try {
    const { access, workshopId } = seat;
    const ways: Way[] = [
      ...(ttyd === undefined ? [] : [{ name: ttyd.version, open: ttyd.open }]),
      { name: 'seat directly', open: plainChannel(seat.direct.openTerminal) },
      { name: 'by the agent', open: plainChannel(seat.proxied.openTerminal) },
      { name: 'our client', open: clientChannel(access, workshopId, 1) },
    ];
    const echoes = ways.map(({ name }) => ({ name, values: [] as number[] }));
    const rates = ways.map(({ name }) => ({ name, values: [] as number[] }));
    // By turns, so that whatever else the machine does meets all of them; the first round only warms up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [index, { open }] of ways.entries()) {
        const [times, rate] = [await echo(open, KEYS_PER_ROUND), await output(open, MEGABYTES)];
        if (round === 0) continue;
        echoes[index]?.values.push(...times);
        rates[index]?.values.push(rate);
      }
    }
    print(echoes, rates);
  } finally {
    await ttyd?.close();
    await seat.close();
  }
}

function print(echoes: readonly Measured[], rates: readonly Measured[]): void {
  heading('terminal', ...echoes.map(({ name }) => name));
  compare('echo of a key, µs', 'time', echoes);
  compare('output, MB/s', 'rate', rates);
}
