// Which files of native/core a test program is built with that launches as the launcher does, a later filter included. Paths
// from the checkout's root.

export const injectorSources = [
  'cookie',
  'execute',
  'execvp',
  'image',
  'inject',
  'install',
  'launch',
  'prepare',
  'rehearse',
  'shelter',
  'spawn',
  'tracing',
].map((one) => `native/core/${one}.c`);
