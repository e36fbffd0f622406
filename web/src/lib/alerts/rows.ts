// Alerts as a person looks at them: those that fire (Alertmanager's view) and those that are about to (the rules' view)
// in one list, worst first, then newest.

import type { ApiAlert, Notification, Silence } from '../api/alertmanager';
import type { Receiver } from '../api/lingshao';
import type { Labels } from '../api/prometheus';
import type { AlertingRule, RuleAlert, RuleGroup } from '../api/rules';
import { fromWire, matchesAll } from './matchers';

export type Severity = 'critical' | 'warning' | 'info' | 'none';
/** `quiet` fires, but its receivers have no channel: nobody is told. */
export type State = 'firing' | 'pending' | 'silenced' | 'inhibited' | 'muted' | 'quiet';

export interface Row {
  id: string;
  name: string;
  severity: Severity;
  state: State;
  labels: Labels;
  annotations: Labels;
  /** Seconds since 1970. */
  since: number;
  receivers: string[];
  silencedBy: string[];
  inhibitedBy: string[];
  mutedBy: string[];
  /** Missing for alerts that others sent us, and for those whose rule is gone. */
  rule: { group: string; file: string; rule: AlertingRule } | null;
  /** Its value when it was last evaluated. */
  value: number | null;
  generatorUrl: string;
}

const SEVERITIES: Record<Exclude<Severity, 'none'>, readonly string[]> = {
  critical: ['critical', 'crit', 'fatal', 'emergency', 'disaster', 'page', 'p0', 'p1', 'error', 'high', '严重', '紧急'],
  warning: ['warning', 'warn', 'medium', 'average', 'p2', '警告', '重要'],
  info: ['info', 'information', 'notice', 'low', 'p3', 'p4', '提示', '信息'],
};
const ORDER: readonly Severity[] = ['critical', 'warning', 'info', 'none'];

/** By the label `severity`, whatever people call its levels. */
export function severityOf(labels: Labels): Severity {
  const word = (labels.severity ?? '').trim().toLowerCase();
  return ORDER.find((one) => one !== 'none' && SEVERITIES[one].includes(word)) ?? 'none';
}

export const severityRank = (severity: Severity): number => ORDER.indexOf(severity);

/** Worst first, then newest, then by name, so that rows never change places without a reason. */
export function compareRows(a: Row, b: Row): number {
  return (
    severityRank(a.severity) - severityRank(b.severity) ||
    b.since - a.since ||
    a.name.localeCompare(b.name) ||
    a.id.localeCompare(b.id)
  );
}

interface RuleMatch {
  alert: RuleAlert;
  rule: NonNullable<Row['rule']>;
}

/** All rows, in order. Silences are needed for those that are about to fire: of the others the server says it. */
export function rowsOf(
  alerts: readonly ApiAlert[],
  groups: readonly RuleGroup[],
  receivers: readonly Receiver[] | null,
  silences: readonly Silence[] = [],
): Row[] {
  const known = ruleAlerts(groups);
  const fires = alerts.map((alert) => firingRow(alert, find(known, alert.labels), receivers));
  const waits = [...known.values()].flat().filter((one) => one.alert.state === 'pending');
  const active = silences.filter((one) => one.status.state === 'active');
  const tests = active.map((one) => ({ id: one.id, matches: matchesAll(one.matchers.map(fromWire)) }));
  const silencedBy = (labels: Labels) => tests.filter((one) => one.matches(labels)).map((one) => one.id);
  return [...fires, ...waits.map((one) => pendingRow(one, silencedBy(one.alert.labels)))].sort(compareRows);
}

function ruleAlerts(groups: readonly RuleGroup[]): Map<string, RuleMatch[]> {
  const byName = new Map<string, RuleMatch[]>();
  for (const group of groups) {
    for (const rule of group.rules) {
      if (rule.type !== 'alerting') continue;
      const own = { group: group.name, file: group.file, rule };
      const list = byName.get(rule.name) ?? [];
      byName.set(rule.name, list);
      list.push(...rule.alerts.map((alert) => ({ alert, rule: own })));
    }
  }
  return byName;
}

/** The rule's side of an alert: the same labels, or all but those that `external_labels` added. */
function find(known: Map<string, RuleMatch[]>, labels: Labels): RuleMatch | undefined {
  const within = (one: Labels) => Object.entries(one).every(([name, value]) => labels[name] === value);
  const fits = (known.get(labels.alertname ?? '') ?? []).filter((one) => within(one.alert.labels));
  return fits.sort((a, b) => Object.keys(b.alert.labels).length - Object.keys(a.alert.labels).length)[0];
}

const seconds = (time: string): number => Date.parse(time) / 1000;

function firingRow(alert: ApiAlert, match: RuleMatch | undefined, receivers: readonly Receiver[] | null): Row {
  const names = alert.receivers.map((one) => one.name);
  return {
    id: alert.fingerprint,
    name: alert.labels.alertname ?? '',
    severity: severityOf(alert.labels),
    state: stateOf(alert, isHeard(names, receivers)),
    labels: alert.labels,
    annotations: alert.annotations,
    since: seconds(alert.startsAt),
    receivers: names,
    silencedBy: alert.status.silencedBy,
    inhibitedBy: alert.status.inhibitedBy,
    mutedBy: alert.status.mutedBy ?? [],
    rule: match?.rule ?? null,
    value: match === undefined ? null : Number(match.alert.value),
    generatorUrl: alert.generatorURL ?? '',
  };
}

function stateOf({ status }: ApiAlert, heard: boolean): State {
  if (status.silencedBy.length > 0) return 'silenced';
  if (status.inhibitedBy.length > 0) return 'inhibited';
  if ((status.mutedBy ?? []).length > 0) return 'muted';
  return heard ? 'firing' : 'quiet';
}

/** Whether one of the receivers has a channel. While that is not known, they have. */
export function isHeard(names: readonly string[], receivers: readonly Receiver[] | null): boolean {
  const channels = (name: string) => receivers?.find((one) => one.name === name)?.integrations.length ?? 1;
  return names.length === 0 || names.some((name) => channels(name) > 0);
}

function pendingRow({ alert, rule }: RuleMatch, silencedBy: string[]): Row {
  return {
    id: `pending ${JSON.stringify(Object.entries(alert.labels).sort())}`,
    name: alert.labels.alertname ?? rule.rule.name,
    severity: severityOf(alert.labels),
    state: silencedBy.length > 0 ? 'silenced' : 'pending',
    labels: alert.labels,
    annotations: alert.annotations,
    since: seconds(alert.activeAt),
    receivers: [],
    silencedBy,
    inhibitedBy: [],
    mutedBy: [],
    rule,
    value: Number(alert.value),
    generatorUrl: '',
  };
}

export type Grouping = 'name' | 'receiver' | 'none';

export interface Group {
  key: string;
  severity: Severity;
  rows: Row[];
}

/** Rows by what they have in common; a group stands where its first row would. */
export function grouped(rows: readonly Row[], by: Grouping): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const key = by === 'name' ? row.name : by === 'receiver' ? row.receivers.join(', ') : '';
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { key, severity: row.severity, rows: [row] });
    } else {
      group.rows.push(row);
    }
  }
  return [...groups.values()];
}

/** Words that all stand somewhere in the row. */
export function containsWords(row: Row, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const all = [row.name, ...Object.entries(row.labels).map(([name, value]) => `${name}=${value}`), ...Object.values(row.annotations)];
  const place = all.join('\n').toLowerCase();
  return words.every((word) => place.includes(word));
}

/** How many fire for somebody, by severity. */
export function countFiring(rows: readonly Row[]): Record<Severity, number> {
  const counts = { critical: 0, warning: 0, info: 0, none: 0 };
  for (const row of rows) {
    if (row.state === 'firing') counts[row.severity] += 1;
  }
  return counts;
}

/** Messages about the group in which an alert lies, since it began; newest first. */
export function messagesAbout(row: Row, history: readonly Notification[]): Notification[] {
  return history.filter(
    (one) =>
      row.receivers.includes(one.to.receiver) &&
      row.since <= Date.parse(one.decidedAt) / 1000 + 1 &&
      // Without a reason its group had gone, and with it what it was about.
      one.reason !== '' &&
      Object.entries(one.groupLabels).every(([name, value]) => (row.labels[name] ?? '') === value),
  );
}
