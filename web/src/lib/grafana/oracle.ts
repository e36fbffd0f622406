// Grafana's own library, for tests alone: what it says of the same data is what ours must say. Needs jsdom.

import { createRequire } from 'node:module';

// Its ES modules name exports that a CommonJS part of them does not declare, so Node takes the CommonJS build.
export const grafana = createRequire(import.meta.url)('@grafana/data') as typeof import('@grafana/data');
