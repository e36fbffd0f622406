/** Gives the reader a text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement('a');
  anchor.href = url;
  // What an operating system would take for a path is no part of a name.
  anchor.download = name.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, '_');
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
