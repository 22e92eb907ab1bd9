/** Every command of the extension; the manifest has exactly these. */
export const COMMAND_IDS = [
  'carapace.tryLocal',
  'carapace.createWorkshop',
  'carapace.startWorkshop',
  'carapace.stopWorkshop',
  'carapace.deleteWorkshop',
  'carapace.copyJoinLink',
  'carapace.openTerminal',
  'carapace.openFile',
  'carapace.resetSeat',
  'carapace.cancelOperation',
  'carapace.refresh',
  'carapace.retryConnection',
  'carapace.showLog',
] as const;

export type CommandId = (typeof COMMAND_IDS)[number];
