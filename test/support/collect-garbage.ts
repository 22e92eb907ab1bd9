/**
 * Loaded into a program before its own code: it collects its garbage when it gets SIGUSR2, so that the memory that
 * /proc tells is what is in use and not what nobody has collected yet.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
process.on('SIGUSR2', () => {
  // What the first finds dead releases buffers whose memory only the second gives back.
  collect();
  setImmediate(collect);
});
