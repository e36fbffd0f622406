import { expect, test } from 'vitest';
import { alertRule } from './alertRule';

test('the text is a rules file, whatever the expression holds', () => {
  const words = { name: '错误率: 高', for: '5m', severity: 'critical', summary: 'now "{{ $value }}"' };
  expect(alertRule('up{a="x: #"}\n  == 0 # down', words)).toBe(`groups:
  - name: explore
    rules:
      - alert: "错误率: 高"
        expr: |
          up{a="x: #"}
          == 0 # down
        for: 5m
        labels:
          severity: critical
        annotations:
          summary: "now \\"{{ $value }}\\""
`);
});
