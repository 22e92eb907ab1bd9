/**
 * The tests of properties try the same cases each time, so that a run fails by a change and not by chance; with
 * `CARAPACE_TEST_FULL=1` they try others each time.
 */
import fc from 'fast-check';

if (process.env['CARAPACE_TEST_FULL'] !== '1') fc.configureGlobal({ seed: 20_260_314 });
