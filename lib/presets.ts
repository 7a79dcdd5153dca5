// Policies for well-known programs, shipped with the package: presets/NAME.policy, each with a head that says how it was made
// (scripts/presets.js). They are ordinary policy files, to be merged with others like those.

import { join } from 'node:path';
import { UsageError } from './errors.ts';
import { nearest } from './linux/nearest.ts';
import { packageRoot } from './native.ts';
import { loadPolicy } from './policy/language/load.ts';
import type { Policy } from './policy/model.ts';

/** All of them. */
export const presetNames = [
  'chromium',
  'ffmpeg',
  'ghostscript',
  'git',
  'imagemagick',
  'node',
  'python3',
] as const;

/** The policy of a preset. Throws UsageError for a name that is none, with the nearest. */
export function preset(name: string): Policy {
  return loadPolicy(presetFile(name));
}

/** Where a preset's policy lies. */
export function presetFile(name: string): string {
  if ((presetNames as readonly string[]).includes(name))
    return join(packageRoot(), 'presets', `${name}.policy`);
  const [close] = nearest(name, presetNames, 1);
  throw new UsageError(`there is no preset ${name.slice(0, 40)}`, {
    advice: close === undefined ? `there are ${presetNames.join(', ')}` : `did you mean ${close}?`,
  });
}
