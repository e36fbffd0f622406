// How long ago, in words.

import { t } from '../../i18n';

/** `5 分钟前`; whole units, rounded down. */
export function ago(seconds: number): string {
  const n = Math.max(0, Math.floor(seconds));
  if (n < 60) return t('common.secondsAgo', { n });
  if (n < 3600) return t('common.minutesAgo', { n: Math.floor(n / 60) });
  if (n < 86_400) return t('common.hoursAgo', { n: Math.floor(n / 3600) });
  return t('common.daysAgo', { n: Math.floor(n / 86_400) });
}
