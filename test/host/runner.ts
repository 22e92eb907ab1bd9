/** The stage `host` of bin/test. */
import { bundleHostTests } from './bundle.ts';
import { runInHost } from './harness.ts';

process.exitCode = await runInHost(await bundleHostTests());
