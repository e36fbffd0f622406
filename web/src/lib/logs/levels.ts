// How levels look: worst first, each with a colour of its own, and a word wherever the colour stands.

import type { Level } from '../api/logs';

export const LEVELS: readonly Level[] = ['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', null];

const COLOURS: Record<string, string> = {
  CRITICAL: 'var(--fatal)',
  ERROR: 'var(--critical)',
  WARNING: 'var(--warning)',
  INFO: 'var(--info)',
  DEBUG: 'var(--series-1)',
};

export const levelColour = (level: Level): string => COLOURS[level ?? ''] ?? 'var(--text-dim)';

/** For class names. */
export const levelClass = (level: Level): string => (level ?? 'none').toLowerCase();
