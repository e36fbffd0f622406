// An expression as an alert rule to copy into a rules file.

import { quote } from '../promql/ast';

export interface AlertWords {
  name: string;
  for: string;
  severity: string;
  summary: string;
}

/** YAML of a file with one group and one rule. The expression stands in a block, where nothing needs escaping. */
export function alertRule(expr: string, words: AlertWords): string {
  const lines = expr.trim().split('\n').map((line) => `          ${line.trim()}`);
  return [
    'groups:',
    '  - name: explore',
    '    rules:',
    `      - alert: ${quote(words.name)}`,
    '        expr: |',
    ...lines,
    `        for: ${words.for}`,
    '        labels:',
    `          severity: ${words.severity}`,
    '        annotations:',
    `          summary: ${quote(words.summary)}`,
    '',
  ].join('\n');
}
