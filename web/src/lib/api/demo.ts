// What only `lingshao demo` answers: incidents on demand, and what the make-believe services received.

import { request } from './http';

export interface Incident {
  name: string;
  state: 'idle' | 'running' | 'ending';
  started_at: string | null;
  /** The alert that must find it. */
  alert: string;
  /** When it ends; not known until its alert fires. */
  ends: string | null;
}

export interface DemoState {
  incidents: Incident[];
  shop: { url: string; orders: number };
}

export const demoState = (signal?: AbortSignal) => request<DemoState>('api/lingshao/v1/demo', { signal });

export const startIncident = (name: string) =>
  request<Incident>(`demo/incidents/${encodeURIComponent(name)}`, { method: 'POST' });

export interface Message {
  id: string;
  channel: 'wecom' | 'email' | 'sms';
  at: string;
  to: string;
  subject: string | null;
  text: string;
}

/** Newest first. */
export async function inbox(signal?: AbortSignal): Promise<Message[]> {
  return (await request<{ messages: Message[] }>('api/lingshao/v1/demo/inbox', { signal })).messages;
}
