// The business monitors: how they stand, what they would do, the ledger, the audit trail, and what people tell them.

import { request } from './http';

export type Mode = 'observe' | 'dry_run' | 'act';
export type MonitorName = 'order_timeout' | 'group_settle' | 'refunds' | 'low_stock' | 'figures';
export type RefundState = 'PLANNED' | 'SENT' | 'ACCEPTED' | 'DONE' | 'FAILED' | 'UNKNOWN' | 'HUMAN';

export interface Monitor {
  name: MonitorName;
  mode: Mode;
  /** Whether it ever changes anything. */
  acts: boolean;
  pausedBy: string | null;
  halted: string | null;
  refuses: { reason: string; detail: string } | null;
  error: string | null;
  found: number;
  acted: number;
  held: Record<string, number>;
  quarantined: string[];
  facts: Record<string, number>;
}

export interface ShopFinding {
  severity: 'error' | 'warning';
  place: string;
  message: string;
}

export interface Orphan {
  order: string;
  trade: string;
  fen: number;
  at: number;
}

/** Instants are milliseconds since 1970, money is fen. */
export interface Shop {
  name: string;
  preset: string | null;
  database: string;
  up: boolean;
  error: string | null;
  provider: string;
  /** Who looks after this shop in our stead. */
  standby: string | null;
  stopped: boolean;
  killSwitch: string;
  tickAt: number;
  tickSeconds: number;
  everySeconds: number;
  check: { at: number | null; findings: ShopFinding[]; grants: string[]; indexes: string[]; fingerprint: string; changed: boolean };
  monitors: Monitor[];
  callbacks: { down: boolean; late: number };
  refunds: { open: Record<string, number>; older: Record<string, number>; capFen: number; sentTodayFen: number; human: number };
  orphans: Orphan[];
  paidAfterCancel: number;
  stock: { below: number; low: number; oversold: number; items: { id: string; sellable: number }[] };
  groups: { group: string; status: number }[];
  groupsEnded: Record<string, number>;
  figures: {
    orders: number;
    salesFen: number;
    refundsFen: number;
    /** Of the shop's life; nothing while they cannot be counted. */
    ordersTotal: number | null;
    pending: number;
    drift: { at: number; orders: number; salesFen: number; refundsFen: number } | null;
  } | null;
  /** Attempts to pay; nothing where they are not mapped, or could not be read. */
  payments: Payments[] | null;
}

/** Attempts to pay by one provider and method. */
export interface Payments {
  provider: string | null;
  method: string | null;
  /** Since the start. */
  requests: number;
  /** Nothing where the mapping does not say which they are. */
  failures: number | null;
  /** Paid ÷ attempts, of those made 35 to 5 minutes ago; nothing where there are none. */
  successRate: number | null;
  /** How these ended: `paid`, `failed`, `closed`, `open`. */
  cohort: [outcome: string, attempts: number][];
}

export interface Look {
  configured: boolean;
  /** Nothing before the first tick. */
  shop: Shop | null;
  /** Facts of the day by their kind. */
  today: Record<string, number>;
}

export interface PreviewedOrder {
  order: string;
  number: string;
  created: number;
  fen: number;
  /** Whether statements can undo all of it. */
  cancellable: boolean;
}

export interface PreviewedGroup {
  /** Its name, by which a person has it end. */
  group: string;
  /** The number of the order of a member who paid too late. */
  order: string | null;
  paid: number;
  required: number;
  /** When it ends; when a late member paid. */
  expiresAt: number;
  verdict: 'success' | 'failed' | 'late_member';
}

export interface Preview {
  at: number;
  /** By the database's clock. */
  clock: number | null;
  orders: PreviewedOrder[];
  pending: number;
  groups: PreviewedGroup[];
  refunds: PreviewedOrder[];
  errors: string[];
}

export interface Refund {
  number: string;
  earlier: string[];
  order: string;
  trade: string;
  purpose: string;
  paidFen: number;
  fen: number;
  state: RefundState;
  open: boolean;
  marked: boolean;
  attempts: number;
  plannedAt: number;
  sentAt: number | null;
  nextAt: number;
  /** The number under which a person has had it tried anew. */
  replacedBy: string | null;
  why: string;
}

export interface AuditLine {
  n: number;
  hash: string;
  at: number;
  kind: string;
  monitor?: string;
  order?: string;
  refund?: string;
  group?: string;
  fen?: number;
  before?: string;
  after?: string;
  detail?: string;
  /** Nobody's name: the monitor itself. */
  by?: string;
}

/** To be given back with the same command. */
export interface Confirmation {
  confirm: string;
  until: number;
}

const BASE = 'api/lingshao/v1/shop';
const CONFIRM_FIRST = 428;

export const exportAddress = `${BASE}/audit/export`;

export const look = (signal?: AbortSignal) => request<Look>(BASE, { signal });
export const preview = (signal?: AbortSignal) => request<Preview>(`${BASE}/preview`, { signal });
export const verify = () => request<{ whole: boolean; brokenAt: number | null }>(`${BASE}/audit/verify`);

export async function refunds(open: boolean, limit: number, signal?: AbortSignal): Promise<Refund[]> {
  const query = new URLSearchParams({ limit: String(limit), ...(open ? { open: '1' } : {}) });
  return (await request<{ refunds: Refund[] }>(`${BASE}/refunds?${query}`, { signal })).refunds;
}

/** Lines before the one numbered so, newest first. */
export async function audit(before: number | null, limit: number, signal?: AbortSignal): Promise<AuditLine[]> {
  const query = new URLSearchParams({ limit: String(limit), ...(before === null ? {} : { before: String(before) }) });
  return (await request<{ rows: AuditLine[] }>(`${BASE}/audit?${query}`, { signal })).rows;
}

/** What a person wants; `path` is what stands behind the API's own: `monitors/refunds/pause`. */
export interface Command {
  path: string;
  keys?: string[];
}

/** The first word: nothing happens, the server says what the second one must hold. */
export function ask({ path, keys }: Command): Promise<Confirmation> {
  return request<Confirmation>(`${BASE}/${path}`, { json: { keys: keys ?? [] }, accepted: [CONFIRM_FIRST] });
}

/** The second word: it is done. */
export function tell({ path, keys }: Command, confirm: string): Promise<unknown> {
  return request(`${BASE}/${path}`, { json: { keys: keys ?? [], confirm } });
}
