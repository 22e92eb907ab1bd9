/**
 * Bounds what a program can say in one string to its terminal, such as a title (OSC) or a question (DCS). xterm.js takes
 * ten million characters, as a chain of small pieces: hundreds of megabytes of the seat's memory for one endless title.
 */

/** Longer ones have no effect, in characters: a link is far shorter, and so is whatever else a redraw shows. */
export const MAX_STRING_LENGTH = 8192;

/** What xterm.js hands the content of strings to, piece by piece. */
interface StringParser {
  put(data: Uint32Array, start: number, end: number): void;
  /** Ends the string that has begun, without effect. */
  reset(): void;
}

export interface StringParsers {
  readonly _oscParser: StringParser & { start(): void };
  readonly _dcsParser: StringParser & { hook(id: number, params: unknown): void };
}

/** Has both parsers give up a string at {@link MAX_STRING_LENGTH}. */
export function boundStrings({ _oscParser: osc, _dcsParser: dcs }: StringParsers): void {
  const begun = { osc: boundOne(osc), dcs: boundOne(dcs) };
  const [start, hook] = [osc.start.bind(osc), dcs.hook.bind(dcs)];
  osc.start = () => {
    begun.osc();
    start();
  };
  dcs.hook = (id, params) => {
    begun.dcs();
    hook(id, params);
  };
}

/** @returns to be called when a string begins */
function boundOne(parser: StringParser): () => void {
  let length = 0;
  const put = parser.put.bind(parser);
  parser.put = (data, start, end) => {
    if (length > MAX_STRING_LENGTH) return;
    length += end - start;
    if (length > MAX_STRING_LENGTH) parser.reset();
    else put(data, start, end);
  };
  return () => {
    length = 0;
  };
}
