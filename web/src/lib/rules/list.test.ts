import { expect, test } from 'vitest';
import type { Finding } from '../api/lingshao';
import type { Rule, RuleGroup } from '../api/rules';
import { filesOf, matchFindings, stateOf, wanted } from './list';

function rule(name: string, query: string, change: Partial<Rule> = {}): Rule {
  return {
    type: 'alerting',
    name,
    query,
    labels: { severity: 'critical' },
    health: 'ok',
    evaluationTime: 0,
    lastEvaluation: '',
    state: 'inactive',
    duration: 0,
    keepFiringFor: 0,
    annotations: {},
    alerts: [],
    ...change,
  } as Rule;
}

function group(file: string, name: string, rules: Rule[]): RuleGroup {
  return { name, file, interval: 15, limit: 0, rules, evaluationTime: 0, lastEvaluation: '' };
}

function finding(file: string, subject: string, line: number, expr: string | null = null): Finding {
  const message = { zh: '错', en: 'wrong' };
  return { file, line, column: 1, severity: 'warning', lint: 'x', subject, message, remedy: null, expr, suggestion: null, span: null };
}

const LOW = rule('LowStock', 'stock < 10');
const LOWER = rule('LowStock', 'sum(stock) < 2');
const ERRORS = rule('Errors', 'rate(errors_total[5m]) > 0.05', { state: 'firing' } as Partial<Rule>);
const GROUPS = [group('rules/a.yml', 'one', [LOW, LOWER]), group('rules/b.yml', 'two', [ERRORS]), group('rules/a.yml', 'three', [])];

test('a finding goes to its rule, wherever the file is named from', () => {
  const { byRule, others } = matchFindings(GROUPS, [finding('b.yml', 'Errors', 7), finding('/etc/rules/b.yml', 'Errors', 8)]);
  expect(byRule.get(ERRORS)?.map((one) => one.line)).toEqual([7, 8]);
  expect(others).toEqual([]);
});

test('among rules of one name the expression decides, else the order of lines', () => {
  const byExpression = matchFindings(GROUPS, [finding('a.yml', 'LowStock', 9, 'sum( stock )')]);
  expect([...byExpression.byRule.keys()]).toEqual([LOWER]);
  const byLine = matchFindings(GROUPS, [finding('a.yml', 'LowStock', 20), finding('a.yml', 'LowStock', 4)]);
  expect(byLine.byRule.get(LOW)?.map((one) => one.line)).toEqual([4]);
  expect(byLine.byRule.get(LOWER)?.map((one) => one.line)).toEqual([20]);
});

test('findings of other files and of boards stand apart', () => {
  const findings = [finding('board.json', 'QPS', 1), finding('bb.yml', 'Errors', 1)];
  expect(matchFindings(GROUPS, findings).others).toEqual(findings);
});

test('rules are found by name, metric and label, and by state', () => {
  expect(wanted(ERRORS, ['errors_total'], '', false)).toBe(true);
  expect(wanted(ERRORS, ['severity=critical', 'err'], 'firing', false)).toBe(true);
  expect(wanted(ERRORS, ['stock'], '', false)).toBe(false);
  expect(wanted(ERRORS, [], 'pending', false)).toBe(false);
  expect(wanted(ERRORS, [], 'findings', false)).toBe(false);
  expect(wanted(ERRORS, [], 'findings', true)).toBe(true);
});

test('a rule that cannot be evaluated is broken', () => {
  expect(stateOf(rule('x', 'y', { health: 'err' }))).toBe('broken');
  expect(stateOf(ERRORS)).toBe('firing');
  expect(stateOf(rule('x', 'y', { type: 'recording' } as Partial<Rule>))).toBe('recording');
});

test('groups stand under their file, those without a wanted rule do not', () => {
  const files = filesOf(GROUPS, (one) => one !== LOWER);
  expect(files.map(({ file, groups }) => [file, groups.map((one) => [one.name, one.rules.length])])).toEqual([
    ['rules/a.yml', [['one', 1]]],
    ['rules/b.yml', [['two', 1]]],
  ]);
});
