// What an import made of each panel, in words of the page's dictionary.

import type { Key, Parameters } from '../../i18n';

export interface Note {
  key: Key;
  parameters: Parameters;
}

export interface ReportLine {
  id: number;
  title: string;
  /** As the board named it. */
  kind: string;
  status: 'ok' | 'degraded' | 'unsupported';
  notes: Note[];
}

export interface ImportReport {
  lines: ReportLine[];
  /** What concerns the whole board. */
  notes: Note[];
}

/** Why a text is no board, and where. */
export class ImportError extends Error {
  constructor(readonly key: Key, readonly parameters: Parameters = {}) {
    super(`${key} ${JSON.stringify(parameters)}`);
  }
}

export const note = (key: Key, parameters: Parameters = {}): Note => ({ key, parameters });
