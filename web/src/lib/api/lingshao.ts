// Our own API: what no other product's API has.

import { request } from './http';

export interface About {
  version: string;
  started_at: string;
  scrape_interval_seconds: number;
  evaluation_interval_seconds: number;
  time_zone: string;
  language: 'zh' | 'en';
  external_url: string;
  /** Whether there is a log store to link to. */
  logs: boolean;
  /** Set in `lingshao demo` only. */
  demo: { for_seconds: number; speed: number; incidents: string[] } | null;
}

export const about = () => request<About>('api/lingshao/v1/about');

/** A part of the server that cannot keep what it is given. */
export interface Trouble {
  part: 'metrics' | 'logs' | 'state';
  /** `full`: no room; `refused`: cannot write, tries again; `unsynced`: nothing is kept before the next start. */
  kind: 'full' | 'refused' | 'unsynced';
  since: string;
  error: string;
}

export interface Troubles {
  /** The folder that is written to. */
  data: string;
  troubles: Trouble[];
}

export const troubles = (signal?: AbortSignal) => request<Troubles>('api/lingshao/v1/troubles', { signal });

export type Words = { zh: string; en: string };

/** What a check found fault with. */
export interface Finding {
  file: string;
  line: number;
  column: number;
  severity: 'error' | 'warning';
  lint: string | null;
  subject: string | null;
  message: Words;
  remedy: Words | null;
  expr: string | null;
  suggestion: string | null;
  span: [number, number] | null;
}

export const findings = async () => (await request<{ findings: Finding[] }>('api/lingshao/v1/findings')).findings;

/** Checks a rules file, a board, or `{"expr": …}`, against what the server has at the moment. */
export async function check(text: string, signal?: AbortSignal): Promise<Finding[]> {
  return (await request<{ findings: Finding[] }>('api/lingshao/v1/check?live=1', { text, signal })).findings;
}

export interface Receiver {
  name: string;
  integrations: { kind: string; send_resolved: boolean }[];
}

export const receivers = () => request<Receiver[]>('api/lingshao/v1/receivers');
