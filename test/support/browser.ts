/** Chromium, without a screen, for looking at a VS Code. */
import { chromium, type Browser } from 'playwright-core';

/** Switches that keep it off the network and working as root in a container. */
const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium. The caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: SWITCHES });
}
