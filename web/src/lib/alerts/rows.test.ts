import { expect, test } from 'vitest';
import type { ApiAlert, Notification } from '../api/alertmanager';
import type { Labels } from '../api/prometheus';
import type { RuleGroup } from '../api/rules';
import { containsWords, countFiring, grouped, isHeard, messagesAbout, rowsOf, severityOf } from './rows';

const RECEIVERS = [
  { name: 'team', integrations: [{ kind: 'wecom', send_resolved: true }] },
  { name: 'nobody', integrations: [] },
];

function alert(labels: Labels, minute: number, receiver = 'team', status: Partial<ApiAlert['status']> = {}): ApiAlert {
  return {
    fingerprint: Object.values(labels).join(' '),
    labels,
    annotations: { summary: `about ${labels.alertname}` },
    startsAt: new Date(minute * 60_000).toISOString(),
    endsAt: '',
    updatedAt: '',
    receivers: [{ name: receiver }],
    status: { state: 'active', silencedBy: [], inhibitedBy: [], mutedBy: [], ...status },
  };
}

function rules(name: string, ...alerts: [Labels, 'pending' | 'firing', string][]): RuleGroup[] {
  const rule = {
    type: 'alerting' as const, name, query: 'x > 1', health: 'ok' as const, evaluationTime: 0, lastEvaluation: '',
    state: 'firing' as const, duration: 60, keepFiringFor: 0, annotations: {},
    alerts: alerts.map(([labels, state, value]) => ({ labels, state, value, annotations: {}, activeAt: new Date(0).toISOString() })),
  };
  return [{ name: 'g', file: 'f', interval: 5, limit: 0, rules: [rule], evaluationTime: 0, lastEvaluation: '' }];
}

test.each([
  ['critical', 'critical'], ['P1', 'critical'], ['严重', 'critical'], ['warn', 'warning'], ['Info', 'info'], ['blue', 'none'], ['', 'none'],
])('severity %s is %s', (word, expected) => {
  expect(severityOf({ severity: word })).toBe(expected);
});

test('the worst comes first, then the newest', () => {
  const alerts = [
    alert({ alertname: 'old', severity: 'critical' }, 1),
    alert({ alertname: 'low', severity: 'info' }, 9),
    alert({ alertname: 'new', severity: 'critical' }, 2),
    alert({ alertname: 'mid', severity: 'warning' }, 5),
  ];
  expect(rowsOf(alerts, [], RECEIVERS).map((row) => row.name)).toEqual(['new', 'old', 'mid', 'low']);
});

test('an alert has the state that decides whether anybody hears of it', () => {
  const one = { alertname: 'A' };
  const state = (...rest: [string?, Partial<ApiAlert['status']>?]) => rowsOf([alert(one, 1, ...rest)], [], RECEIVERS)[0]?.state;
  expect(state()).toBe('firing');
  expect(state('nobody')).toBe('quiet');
  expect(state('nobody', { silencedBy: ['s'] })).toBe('silenced');
  expect(state('team', { inhibitedBy: ['i'] })).toBe('inhibited');
  expect(state('team', { mutedBy: ['night'] })).toBe('muted');
  expect(isHeard(['unknown'], RECEIVERS)).toBe(true);
  expect(isHeard(['nobody'], null)).toBe(true);
});

test('an alert finds its rule, also when labels were added on the way', () => {
  const groups = rules('A', [{ alertname: 'A', id: '1' }, 'firing', '7e+00'], [{ alertname: 'A', id: '2' }, 'firing', '8e+00']);
  const rows = rowsOf([alert({ alertname: 'A', id: '2', shop: 'x' }, 1), alert({ alertname: 'B' }, 1)], groups, null);
  expect(rows.map((row) => [row.name, row.value, row.rule?.rule.query])).toEqual([['A', 8, 'x > 1'], ['B', null, undefined]]);
});

test('what is about to fire stands in the list as well', () => {
  const rows = rowsOf([], rules('A', [{ alertname: 'A', severity: 'warning' }, 'pending', '3']), RECEIVERS);
  expect(rows.map((row) => [row.state, row.severity, row.value])).toEqual([['pending', 'warning', 3]]);
  expect(countFiring(rows)).toEqual({ critical: 0, warning: 0, info: 0, none: 0 });
});

test('what is about to fire under a silence is silenced already', () => {
  const silence = (id: string, value: string, state: 'active' | 'expired') => ({
    id, status: { state }, matchers: [{ name: 'alertname', value, isRegex: true }], startsAt: '', endsAt: '', updatedAt: '', createdBy: '', comment: '',
  });
  const silences = [silence('past', 'A', 'expired'), silence('other', 'AB', 'active'), silence('own', 'A|C', 'active')];
  const [row] = rowsOf([], rules('A', [{ alertname: 'A' }, 'pending', '3']), RECEIVERS, silences);
  expect([row?.state, row?.silencedBy]).toEqual(['silenced', ['own']]);
});

test('groups stand in the order of their worst alert', () => {
  const alerts = [
    alert({ alertname: 'A', severity: 'info', n: '1' }, 1),
    alert({ alertname: 'B', severity: 'warning' }, 1, 'nobody'),
    alert({ alertname: 'A', severity: 'critical', n: '2' }, 1),
  ];
  const rows = rowsOf(alerts, [], RECEIVERS);
  expect(grouped(rows, 'name').map((group) => [group.key, group.severity, group.rows.length])).toEqual([
    ['A', 'critical', 2], ['B', 'warning', 1],
  ]);
  expect(grouped(rows, 'receiver').map((group) => group.key)).toEqual(['team', 'nobody']);
  expect(countFiring(rows)).toEqual({ critical: 1, warning: 0, info: 1, none: 0 });
});

test('words are sought in names, labels and texts', () => {
  const [row] = rowsOf([alert({ alertname: 'LowStock', product: '苹果' }, 1)], [], null);
  expect(row && ['lowstock 苹果', 'product=苹', 'about', ''].every((text) => containsWords(row, text))).toBe(true);
  expect(row && containsWords(row, 'low 梨')).toBe(false);
});

test('messages belong to an alert by receiver, labels of the group and time', () => {
  const [row] = rowsOf([alert({ alertname: 'A', id: '1' }, 10)], [], null);
  const message = (id: string, change: Partial<Notification>): Notification => ({
    id, groupKey: '', to: { receiver: 'team', kind: 'wecom', index: 0 }, reason: 'first', groupLabels: { alertname: 'A' },
    firing: 1, resolved: 0, decidedAt: new Date(11 * 60_000).toISOString(), beganAt: '', endedAt: '', attempts: 1, sent: true,
    answer: '', member: '', ...change,
  });
  const history = [
    message('own', {}),
    message('other receiver', { to: { receiver: 'x', kind: 'email', index: 0 } }),
    message('other group', { groupLabels: { alertname: 'B' } }),
    message('of a group that is gone', { reason: '', groupLabels: {} }),
    message('before', { decidedAt: new Date(9 * 60_000).toISOString() }),
  ];
  expect(row && messagesAbout(row, history).map((one) => one.id)).toEqual(['own']);
});
