// Writes FILE.br and FILE.gz beside every file of a folder that they make smaller.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

// Below this the headers weigh more. A page is made of dozens of small files, so those count.
const BYTES_MIN = 300;
const WORTH_IT = /\.(?:css|html|js|json|svg|txt|webmanifest)$/;

function compress(path) {
  const plain = readFileSync(path);
  if (plain.length < BYTES_MIN) {
    return;
  }
  const brotli = brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
  for (const [ending, bytes] of [['br', brotli], ['gz', gzipSync(plain, { level: 9 })]]) {
    if (bytes.length < plain.length) {
      writeFileSync(`${path}.${ending}`, bytes);
    }
  }
}

for (const entry of readdirSync(process.argv[2], { recursive: true, withFileTypes: true })) {
  const name = entry.name;
  // The page itself changes with every answer: it carries a nonce.
  if (entry.isFile() && name !== 'index.html' && WORTH_IT.test(name)) {
    compress(join(entry.parentPath ?? entry.path, name));
  }
}
