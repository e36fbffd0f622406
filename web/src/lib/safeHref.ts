/** Addresses that a click may follow. */
export function safeHref(href: string): string | null {
  const plain = href.trim();
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(plain.replace(/[\u0000-\u0020]/g, ''))?.[1]?.toLowerCase();
  return plain !== '' && (scheme === undefined || ['http', 'https', 'mailto'].includes(scheme)) ? plain : null;
}
