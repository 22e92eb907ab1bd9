/** Runs test/bench/machines.ts where machines can run, and prints what it measured. */
import { execa } from 'execa';
import { quantile } from '../support/figures.ts';
import type { MachineFigures } from './machine-figures.ts';
import { heading, row } from './table.ts';

/** Machines need root, and an image, which bin/test has built. */
export async function benchMachines(): Promise<void> {
  const find = '. bin/lib.sh && ensure_images && echo "$images_folder"';
  const images = (await execa('bash', ['-c', find], { stderr: 'inherit' })).stdout;
  if (images === '') {
    row('\nmachines', 'need root');
    return;
  }
  const program = [process.execPath, 'test/bench/machines.ts'];
  const words = ['env', `IMAGES_DIR=${images}`, ...program];
  const { stdout } = await execa('test/e2e/microvm/enter.sh', words, { stderr: 'ignore' });
  print(JSON.parse(stdout) as MachineFigures);
}

function print(figures: MachineFigures): void {
  heading('machines');
  row('from the agent to the first, s', figures.firstMs / 1000);
  row('a seat booted cold, s', figures.coldMs / 1000);
  row('a seat restored, median, s', quantile(figures.alone, 0.5) / 1000);
  row(
    `${figures.together.length} at once: median, all, s`,
    quantile(figures.together, 0.5) / 1000,
    figures.togetherMs / 1000,
  );
  const mean = (pick: 'own' | 'shared'): number =>
    figures.memory.reduce((sum, machine) => sum + machine[pick], 0) / figures.memory.length;
  row('memory per seat, own, shared, MiB', mean('own'), mean('shared'));
}
