import { expect, test } from 'vitest';
import { total, yuan } from './money';

test.each([
  [0, '¥0.00'],
  [5, '¥0.05'],
  [1990, '¥19.90'],
  [123450, '¥1,234.50'],
  [100_000_000_00, '¥100,000,000.00'],
  [-1, '-¥0.01'],
  [-123456789, '-¥1,234,567.89'],
])('%d fen', (fen, text) => {
  expect(yuan(fen)).toBe(text);
});

test('fen add up to what was paid, as yuan with a point would not', () => {
  expect(yuan(total([{ fen: 10 }, { fen: 20 }]))).toBe('¥0.30');
  expect(total([])).toBe(0);
});
