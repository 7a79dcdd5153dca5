// The list of sections, in the order in which they are printed. A new one is a file beside this and a row here.

import type { Section } from '../section.ts';
import { faces } from './faces.ts';
import { filters } from './filters.ts';
import { kernel } from './kernel.ts';
import { node } from './node.ts';
import { recording } from './recording.ts';
import { startup } from './startup.ts';

export const sections: readonly Section[] = [filters, kernel, startup, faces, node, recording];
