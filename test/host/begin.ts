/** What a program in the extension host prints first: what comes before is the window's own log. */
export const PROGRAM_BEGINS = 'The program begins.';
