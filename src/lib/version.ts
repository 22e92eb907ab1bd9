/** The version of this build: replaced by the bundler, and told as `0.0.0-source` when run from source. */
declare const CARAPACE_VERSION: string | undefined;

export const VERSION = typeof CARAPACE_VERSION === 'string' ? CARAPACE_VERSION : '0.0.0-source';
