import type { Server } from './servers.js';

export const servers: readonly Server[];
export const furtherServers: readonly Server[];
