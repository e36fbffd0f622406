// What elasticsearch-js does for a shop. Prints the number of its requests when all holds.
import assert from 'node:assert/strict';
import { Client, errors } from '@elastic/elasticsearch';

const client = new Client({ node: process.argv[2] });
let requests = 0;
client.diagnostic.on('response', () => (requests += 1));
assert.match((await client.info()).version.number, /^8\./);

const datasource = Array.from({ length: 700 }, (_, n) => ({
    '@timestamp': new Date(Date.UTC(2025, 5, 15, 0, 0, n)).toISOString(),
    level: n % 7 === 0 ? 'error' : 'info',
    message: n % 7 === 0 ? `库存不足 ${n}` : `ok ${n}`,
    n,
}));
const outcome = await client.helpers.bulk({
    datasource,
    flushBytes: 20_000,
    refreshOnCompletion: 'shop-js',
    onDocument: (document) => ({ create: { _index: 'shop-js', _id: `id-${document.n}` } }),
    onDrop: (dropped) => assert.fail(JSON.stringify(dropped)),
});
assert.deepEqual([outcome.total, outcome.successful, outcome.failed], [700, 700, 0]);

const found = await client.search({
    index: 'shop-*',
    size: 2,
    query: { query_string: { query: 'level:ERROR AND message:库存' } },
    sort: [{ '@timestamp': 'desc' }],
    aggs: { minutes: { date_histogram: { field: '@timestamp', fixed_interval: '1m' } } },
});
assert.deepEqual(found.hits.total, { value: 100, relation: 'eq' });
assert.deepEqual(found.hits.hits.map((hit) => hit._source.n), [693, 686]);
assert.equal(found.aggregations.minutes.buckets.length, 12);
assert.equal(found.aggregations.minutes.buckets[0].key_as_string, '2025-06-15T00:00:00.000Z');

const scrolled = [];
for await (const document of client.helpers.scrollDocuments({ index: 'shop-js', size: 200 })) scrolled.push(document.n);
assert.deepEqual(scrolled.sort((a, b) => a - b), datasource.map((document) => document.n));

const point = await client.openPointInTime({ index: 'shop-js', keep_alive: '1m' });
let [seen, after] = [0, undefined];
for (;;) {
    const page = await client.search({ size: 300, pit: { id: point.id }, sort: [{ n: 'asc' }], search_after: after });
    if (page.hits.hits.length === 0) break;
    seen += page.hits.hits.length;
    after = page.hits.hits.at(-1).sort;
}
assert.deepEqual([seen, after[0]], [700, 699]);
assert.equal((await client.closePointInTime({ id: point.id })).succeeded, true);

const both = await client.msearch({
    searches: [{ index: 'shop-js' }, { size: 0, query: { term: { n: 3 } } }, { index: 'none' }, { size: 0 }],
});
assert.equal(both.responses[0].hits.total.value, 1);
assert.equal(both.responses[1].status, 404);
await assert.rejects(client.search({ index: 'shop-js', query: { nonsense: {} } }), (error) => {
    assert.ok(error instanceof errors.ResponseError);
    assert.equal(error.statusCode, 400);
    return true;
});
const dropped = [];
const failed = await client.helpers.bulk({
    datasource: [{ n: 1 }],
    onDocument: () => ({ delete: { _index: 'shop-js', _id: 'id-1' } }),
    onDrop: (one) => dropped.push(one.status),
});
assert.deepEqual([failed.failed, dropped], [1, [400]]);
console.log(requests);
await client.close();
