// Money as people write it.

/** `¥1,234.50` of 123450 fen; a minus stands before the sign. */
export function yuan(fen: number): string {
  const whole = Math.round(Math.abs(fen));
  const digits = String(Math.floor(whole / 100)).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${fen < 0 ? '-' : ''}¥${digits}.${String(whole % 100).padStart(2, '0')}`;
}

/** The sum of several amounts. */
export function total(rows: readonly { fen: number }[]): number {
  return rows.reduce((sum, row) => sum + row.fen, 0);
}
