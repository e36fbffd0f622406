// Alertmanager's API v2, and our history of what was told.

import type { WireMatcher } from '../alerts/matchers';
import { request } from './http';
import type { Labels } from './prometheus';

export interface ApiAlert {
  fingerprint: string;
  labels: Labels;
  annotations: Labels;
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  generatorURL?: string;
  receivers: { name: string }[];
  status: {
    state: 'active' | 'suppressed' | 'unprocessed';
    silencedBy: string[];
    inhibitedBy: string[];
    mutedBy?: string[];
  };
}

/** All alerts that fire, the suppressed ones too. */
export const alerts = (signal?: AbortSignal) => request<ApiAlert[]>('api/v2/alerts', { signal });

export interface Silence {
  id: string;
  status: { state: 'active' | 'pending' | 'expired' };
  matchers: WireMatcher[];
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  createdBy: string;
  comment: string;
}

export const silences = (signal?: AbortSignal) => request<Silence[]>('api/v2/silences', { signal });

export interface NewSilence {
  /** Of the silence that is changed. */
  id?: string;
  matchers: WireMatcher[];
  startsAt: string;
  endsAt: string;
  createdBy: string;
  comment: string;
}

/** Sets or changes a silence; gives back its id. */
export async function setSilence(silence: NewSilence): Promise<string> {
  return (await request<{ silenceID: string }>('api/v2/silences', { json: silence })).silenceID;
}

export async function expireSilence(id: string): Promise<void> {
  await request(`api/v2/silence/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** A message that was sent, or given up. */
export interface Notification {
  id: string;
  groupKey: string;
  to: { receiver: string; kind: string; index: number };
  reason: 'first' | 'changed' | 'repeat' | '';
  groupLabels: Labels;
  firing: number;
  resolved: number;
  decidedAt: string;
  beganAt: string;
  endedAt: string;
  attempts: number;
  sent: boolean;
  /** What the service answered, or why it could not be reached. */
  answer: string;
  member: string;
}

/** How a channel is at the moment. */
export interface Integration {
  /** `team/wecom[0]` */
  integration: string;
  waiting: number;
  failingSince: string | null;
  error: string | null;
  lastSent: string | null;
}

export interface Told {
  integrations: Integration[];
  notifications: Notification[];
}

/** Newest first. */
export async function told(rowsMax: number, signal?: AbortSignal): Promise<Told> {
  return (await request<{ data: Told }>(`api/lingshao/v1/notifications?limit=${rowsMax}`, { signal })).data;
}
