import { expect, test } from 'vitest';
import { choices, isChoice } from './indices';

const known = (indices: string[], aliases: string[] = []) => ({ indices, aliases: aliases.map((name) => ({ name, indices })) });

test('days of one shipper are one choice, and the newest day comes first', () => {
  const indices = ['app', 'beat-2025.06.14', 'beat-2025.06.15', 'nginx_20250615', 'v-2'];
  expect(choices(known(indices, ['current']), undefined)).toEqual({
    aliases: ['current'],
    patterns: ['beat-*'],
    indices: ['app', 'v-2', 'nginx_20250615', 'beat-2025.06.15', 'beat-2025.06.14'],
    own: null,
  });
});

test('what the address says is a choice, whatever it is', () => {
  const two = known(['app', 'shop']);
  expect(choices(two, 'app').own).toBeNull();
  expect(choices(two, 'app,-shop*').own).toBe('app,-shop*');
});

test('one index alone is no choice', () => {
  expect(isChoice(choices(known(['logs']), undefined))).toBe(false);
  expect(isChoice(choices(known(['logs']), 'old'))).toBe(true);
  expect(isChoice(choices(known(['logs'], ['current']), undefined))).toBe(true);
  expect(isChoice(choices(known(['app', 'logs']), undefined))).toBe(true);
});

test('a thousand days do not make a list of a thousand', () => {
  const days = Array.from({ length: 1000 }, (_, day) => `beat-2025.${10 + (day % 90)}.${10 + Math.floor(day / 90)}`);
  expect(choices(known(days), undefined).indices).toHaveLength(100);
});
